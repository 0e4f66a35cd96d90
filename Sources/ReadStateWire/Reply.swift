// An answer as the client sees it.

package import ReadStateCore

/// A reply to one query.
package struct Reply: Hashable, Sendable {
    package enum Result: Hashable, Sendable {
        case state(ReadStateSummary)
        case states([ReadStateSummary], more: Bool)
        case totals(UserTotals)
        /// The code's raw value is one of `QueryErrorCode`, or one of a newer service.
        case error(code: String, message: String)
    }

    /// The id of the query, UTF-8.
    package var id: [UInt8]
    /// 0 in errors, as is the offset.
    package var partition: PartitionID
    package var appliedOffset: Offset
    package var result: Result

    package init(id: [UInt8], partition: PartitionID, appliedOffset: Offset, result: Result) {
        self.id = id
        self.partition = partition
        self.appliedOffset = appliedOffset
        self.result = result
    }
}
