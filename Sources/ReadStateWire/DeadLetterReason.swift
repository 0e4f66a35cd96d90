/// Why a record cannot be applied. The raw values are stable: they stand in the header
/// `readstates.error` of the dead letter and in the label of its metric.
package enum DeadLetterReason: String, CaseIterable, Hashable, Sendable {
    /// The record has no key.
    case missingKey = "missing_key"
    /// The key is not a user id in canonical ASCII decimal.
    case badKey = "bad_key"
    /// The key is another user than the event's.
    case keyMismatch = "key_mismatch"
    /// The key does not hash to the partition it was found in.
    case misrouted
    /// The value is larger than 1 MiB.
    case tooLarge = "too_large"
    /// A schema-registry header that is cut off or lists impossible message indexes.
    case malformedHeader = "malformed_header"
    /// Not protobuf's wire format.
    case malformedProtobuf = "malformed_protobuf"
    /// Not one valid JSON document.
    case malformedJSON = "malformed_json"
    /// JSON with a field of the wrong type, or a number outside of its field's range.
    case badField = "bad_field"
    /// JSON with a known field that comes twice.
    case duplicateField = "duplicate_field"
    /// No kind of event that is known here.
    case unknownKind = "unknown_kind"
    /// JSON with more than one kind of event.
    case severalKinds = "several_kinds"
    /// A value of `mention` that is not known here.
    case unknownMention = "unknown_mention"
    /// An id that is absent where it must be there, or not in 1 to 2^63-1.
    case badID = "bad_id"
    /// A list with more than 1,000 entries.
    case listTooLong = "list_too_long"
}
