// `get`, `list` and `totals`: a question, and its answer as a table for people or in the contract's
// JSON form.

import ReadStateClient
import ReadStateCore
import ReadStateService
import ReadStateWire
import RedisLink

/// Runs one of the three.
func runQuery(_ settings: Settings) -> ExitCode {
    var ids: [UInt64] = []
    for (operand, name) in zip(settings.operands, settings.command.operands) {
        // As in events: canonical decimals, 1 to 2^63-1.
        guard let id = parseID(operand) else {
            printError("\(name): \"\(operand)\" is not an id (1 to \(largestID))")
            return .misused
        }
        ids.append(id)
    }
    let offset = settings.optionalCount("min-offset").map { Offset(Int64($0)) }
    do throws(RedisLinkError) {
        var client = try QueryClient(
            settings.redisAddress, settings.redisKeys, timeout: settings.duration("timeout"))
        return ask(&client, settings, UserID(ids[0]), ids.dropFirst().first, offset)
    } catch {
        return fail(error)
    }
}

private func ask(
    _ client: inout QueryClient, _ settings: Settings, _ user: UserID, _ channel: UInt64?,
    _ offset: Offset?
) -> ExitCode {
    let isJSON = settings.isOn("json")
    var written = ExitCode.done
    func show(_ text: String) { if printOut(text) == .failed { written = .failed } }
    do throws(QueryError) {
        if settings.command == .list {
            var isFirst = true
            let unreadOnly = settings.isOn("unread-only")
            try client.list(user, unreadOnly: unreadOnly, minOffset: offset) { reply, states in
                show(isJSON ? json(reply, user) : table(states, withHead: isFirst))
                isFirst = false
            }
            return written
        }
        let question = channel.map { Question.get(user, ChannelID($0)) } ?? .totals(user)
        let reply = try client.ask(question, minOffset: offset)
        show(isJSON ? json(reply, user) : table(reply))
        return written
    } catch {
        printError("\(error)")
        return .failed
    }
}

/// An id as it is written everywhere: decimal, no sign, no zeroes in front.
private func parseID(_ text: String) -> UInt64? {
    guard let id = UInt64(text), String(id) == text, id > 0, id <= largestID else { return nil }
    return id
}

// MARK: JSON

/// A reply in the contract's form, on one line.
private func json(_ reply: ReadStateWire.Reply, _ user: UserID) -> String {
    let header = ReplyWriter.Header(
        address: ReplyAddress(id: reply.id, replyTo: [], encoding: .json),
        partition: reply.partition, appliedOffset: reply.appliedOffset)
    var bytes: [UInt8] = []
    switch reply.result {
    case .state(let state): ReplyWriter.state(state, user: user, header: header, into: &bytes)
    case .totals(let totals): ReplyWriter.totals(totals, user: user, header: header, into: &bytes)
    case .states(let states, let more):
        var writer = ListReplyWriter(user: user, header: header, into: &bytes)
        for state in states { writer.append(state, into: &bytes) }
        writer.end(more: more, into: &bytes)
    case .error: preconditionFailure("thrown by the client")
    }
    return String(decoding: bytes, as: UTF8.self) + "\n"
}

// MARK: Tables

private func table(_ reply: ReadStateWire.Reply) -> String {
    let source =
        "partition \(reply.partition.rawValue),"
        + " applied offset \(reply.appliedOffset.rawValue)\n"
    switch reply.result {
    case .state(let state): return table([state], withHead: true) + source
    case .totals(let totals):
        return row(["unread channels", "mentions"], [17, 0])
            + row(
                ["\(totals.unreadChannels)", count(totals.mentionCount, exact: totals.exact)],
                [17, 0]) + source
    case .states(let states, _): return table(states, withHead: true)
    case .error: preconditionFailure("thrown by the client")
    }
}

private func table(_ states: [ReadStateSummary], withHead: Bool) -> String {
    let widths = [21, 21, 21, 9, 0]
    let head = ["channel", "last read", "last message", "unread", "mentions"]
    var text = withHead ? row(head, widths) : ""
    for state in states {
        text += row(
            [
                "\(state.channel.rawValue)", "\(state.lastRead.rawValue)",
                "\(state.lastMessage.rawValue)", count(state.unreadCount, exact: state.exact),
                count(state.mentionCount, exact: state.exact),
            ], widths)
    }
    return text
}

/// A count, or where it is an upper bound, what it is at most.
private func count(_ count: Int, exact: Bool) -> String { exact ? "\(count)" : "≤\(count)" }

private func row(_ cells: [String], _ widths: [Int]) -> String {
    var line = ""
    for (cell, width) in zip(cells, widths) { line += width == 0 ? cell : padded(cell, width) }
    return line + "\n"
}
