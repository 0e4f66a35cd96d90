// Stored forms as real bytes.
import ReadStateCore

enum StoredForm {
    static func header(_ applied: Offset) -> [UInt8] { Array(String(applied.rawValue).utf8) }
    static func applied(_ header: [UInt8]) -> Offset? {
        Int64(String(decoding: header, as: UTF8.self)).map { Offset($0) }
    }
    static func encode(_ s: borrowing ReadState) -> [UInt8] {
        var out: [UInt8] = []
        func put(_ v: UInt64) { for i in 0..<8 { out.append(UInt8(truncatingIfNeeded: v >> (8 * UInt64(i)))) } }
        put(s.lastRead.rawValue); put(s.lastMessage.rawValue); put(UInt64(s.older)); put(UInt64(s.olderMentions))
        put(s.exact ? 1 : 0); put(s.rewindOp.rawValue); put(s.ownID.rawValue); put(s.left ? 1 : 0)
        put(UInt64(s.window.count)); for m in s.window { put(m.id.rawValue | (m.mention ? 1 << 63 : 0)) }
        put(UInt64(s.removed.count)); for m in s.removed { put(m.rawValue) }
        return out
    }
    static func decode(_ b: [UInt8]) -> ReadState? {
        var at = 0
        func get() -> UInt64 { var v: UInt64 = 0; for i in 0..<8 { v |= UInt64(b[at + i]) << (8 * UInt64(i)) }; at += 8; return v }
        var s = ReadState()
        s.lastRead = MessageID(get()); s.lastMessage = MessageID(get()); s.older = UInt32(get()); s.olderMentions = UInt32(get())
        s.exact = get() == 1; s.rewindOp = MessageID(get()); s.ownID = MessageID(get()); s.left = get() == 1
        for _ in 0..<get() { let v = get(); s.window.append(UnreadMessage(MessageID(v & largestID), mention: v >> 63 == 1)) }
        for _ in 0..<get() { s.removed.append(MessageID(get())) }
        return s
    }
}
