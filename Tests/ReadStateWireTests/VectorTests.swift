// Every event of the normative vectors, through every encoding.

import Foundation
import ReadStateCore
import Testing

@testable import ReadStateWire

@Suite struct VectorTests {
    /// Each event is read from JSON, written as protobuf and as JSON, and read back the same.
    @Test func everyEventSurvivesEveryEncoding() throws {
        let path = repository("schemas/vectors.jsonl")
        let lines = try bytes(ofFile: path).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 900)
        var decoder = EventDecoder()
        var count = 0
        for line in lines {
            let vector = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
            let events = try #require(vector?["events"] as? [[String: Any]])
            for event in events {
                let data = try JSONSerialization.data(withJSONObject: event)
                let user = try #require(event["user_id"] as? String)
                let read = decoder.decodeOne([UInt8](data), key: utf8(user))
                #expect(read.outcome == .event)
                let fields = try #require(read.fields)
                var protobuf: [UInt8] = []
                var json: [UInt8] = []
                EventEncoder.protobuf(fields, entries: read.entries, into: &protobuf)
                EventEncoder.json(fields, entries: read.entries, into: &json)
                #expect(decoder.decodeOne(protobuf, key: utf8(user)) == read)
                #expect(decoder.decodeOne(json, key: utf8(user)) == read)
                count += 1
            }
        }
        #expect(count == 36_152)
    }
}
