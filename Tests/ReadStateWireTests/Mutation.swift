// How bytes are spoiled in the tests that feed decoders with rubbish.

import TestSupport

/// Changes `bytes` in one to four places: flips, inserts, deletes, repeats, truncates.
func mutate(_ bytes: inout [UInt8], _ numbers: inout SeededNumbers) {
    for _ in 0...numbers.below(4) {
        let place = numbers.below(bytes.count + 1)
        switch numbers.below(7) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(numbers.below(8))
        case 1: bytes.insert(UInt8(truncatingIfNeeded: numbers.next()), at: place)
        case 2 where place < bytes.count: bytes.remove(at: place)
        case 3: bytes.removeLast(numbers.below(min(bytes.count, 9) + 1))
        case 4 where place < bytes.count:
            let interesting: [UInt8] = [0, 1, 0x7f, 0x80, 0xff, 0x7b, 0x7d, 0x22, 0x5c, 0x2c, 0x30]
            bytes[place] = interesting[numbers.below(interesting.count)]
        case 5:
            let count = numbers.below(min(16, bytes.count - place) + 1)
            bytes.insert(contentsOf: Array(bytes[place..<place + count]), at: place)
        default:
            let count = numbers.below(min(12, bytes.count - place) + 1)
            bytes.removeSubrange(place..<place + count)
        }
    }
}

/// The front of one and the back of another.
func splice(_ a: [UInt8], _ b: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
    Array(a.prefix(numbers.below(a.count + 1)) + b.suffix(numbers.below(b.count + 1)))
}
