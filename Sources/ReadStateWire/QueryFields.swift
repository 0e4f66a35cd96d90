// A request as it stands on the wire, before it is believed. Both encodings are read into this one
// form; what makes it a query, an error to answer or nothing at all stands once, in `decided`.

import ReadStateCore

/// A request's fields, unchecked. `complaint` is the first thing that was wrong with it.
struct QueryFields {
    /// What is asked; raw values are field numbers of `queries.proto`.
    enum What: UInt8 {
        case get = 5
        case list = 6
        case totals = 7
    }

    var encoding: Encoding
    /// UTF-8; nil if absent or unreadable.
    var id: [UInt8]?
    var replyTo: [UInt8]?
    var deadline: Int64 = 0
    var minOffset: Int64?
    var what: What?
    var user: UInt64 = 0
    /// `channel_id` of get, `after_channel_id` of list.
    var channel: UInt64 = 0
    var unreadOnly = false
    var limit: UInt32 = 0
    var complaint: String?

    init(encoding: Encoding) { self.encoding = encoding }

    /// Another question than before: what the earlier one said is void.
    mutating func begin(_ what: What) {
        if self.what == what { return }
        self.what = what
        user = 0
        channel = 0
        unreadOnly = false
        limit = 0
    }

    mutating func complain(_ message: String) { if complaint == nil { complaint = message } }

    /// What becomes of a request of at most `Query.sizeLimit` bytes.
    func decided(namespace: [UInt8]) -> DecodedQuery {
        guard let replyTo else { return .unanswerable(.noReplyTo) }
        guard ReplyTarget.isAllowed(replyTo, namespace: namespace) else {
            return .unanswerable(.forbiddenReplyTo)
        }
        let address = ReplyAddress(id: id ?? [], replyTo: replyTo, encoding: encoding)
        if address.id.count > ReplyTarget.lengthLimit {
            return .refused(address, .tooLarge, message: "id has more than 256 bytes")
        }
        func bad(_ message: String) -> DecodedQuery {
            .refused(address, .badRequest, message: message)
        }
        if let complaint { return bad(complaint) }
        if address.id.isEmpty { return bad("id is missing") }
        if let minOffset, minOffset < 0 { return bad("min_offset is below 0") }
        guard let what else { return bad("nothing is asked: get, list and totals are missing") }
        guard isID(user) else { return bad("user_id is not 1 to 9223372036854775807") }
        let query = Query(
            address: address, deadlineUnixMilliseconds: deadline,
            minOffset: minOffset.map { Offset($0) }, question: question(what))
        switch what {
        case .get where !isID(channel):
            return bad("channel_id is not 1 to 9223372036854775807")
        case .list where channel > largestID:
            return bad("after_channel_id is above 9223372036854775807")
        case .get, .list, .totals:
            return .query(query)
        }
    }

    /// What becomes of a request that is larger than that, of which these are the first bytes.
    func decidedTooLarge(namespace: [UInt8]) -> DecodedQuery {
        guard let id, !id.isEmpty, let replyTo else { return .unanswerable(.tooLarge) }
        guard ReplyTarget.isAllowed(replyTo, namespace: namespace) else {
            return .unanswerable(.forbiddenReplyTo)
        }
        let address = ReplyAddress(id: id, replyTo: replyTo, encoding: encoding)
        return .refused(address, .tooLarge, message: "a request has at most 65536 bytes")
    }

    private func isID(_ value: UInt64) -> Bool { value &- 1 < largestID }

    private func question(_ what: What) -> Question {
        let user = UserID(user)
        switch what {
        case .get: return .get(user, ChannelID(channel))
        case .totals: return .totals(user)
        case .list:
            // 0 stands for as many as there may be, and nobody gets more than that.
            let limit = limit == 0 ? Question.listLimit : min(Int(limit), Question.listLimit)
            return .list(
                user, unreadOnly: unreadOnly, after: ChannelID(channel), limit: limit)
        }
    }
}
