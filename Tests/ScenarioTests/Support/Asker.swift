// Requests as a client in any language would make them: bytes pushed to a list, bytes popped from
// another. Nothing of the service's own codecs is used for JSON.

import Foundation
import ReadStateCore
import ReadStateWire
import RedisLink
import ScenarioSupport
import TestSupport
import Testing

/// A client of the request lists, on a connection of its own.
struct Asker: ~Copyable {
    var redis: BlockingRedis

    init(_ scenario: Scenario) throws {
        redis = try BlockingRedis(scenario.address(), timeoutMilliseconds: 30_000)
    }

    /// Pushes a request as it stands.
    mutating func push(_ request: [UInt8], to list: String) throws {
        _ = try redis.call { $0.pushRequest(request.span.bytes, to: list) }
    }

    mutating func push(_ request: String, to list: String) throws {
        try push(Array(request.utf8), to: list)
    }

    /// The next reply in a list; fails the test if none comes.
    mutating func pop(_ list: String) throws -> [UInt8] {
        let popped = try redis.call("BLPOP", list, "20").copy()
        guard let elements = popped.elements, case .string(let bytes) = elements[1] else {
            throw DeadlinePassed(description: "no reply in \(list)")
        }
        return bytes
    }

    /// Pushes a request and waits for its reply in JSON.
    mutating func ask(_ request: String, of list: String, at replies: String) throws -> JSON {
        try push(request, to: list)
        return try JSON(pop(replies))
    }

    /// Any command's reply.
    mutating func call(_ words: String...) throws -> RedisValue {
        try redis.call { $0.command(words) }.copy()
    }
}

/// A JSON object, looked at without ceremony.
struct JSON: CustomStringConvertible {
    let values: [String: Any]

    init(_ bytes: [UInt8]) throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(bytes))
        values = try #require(parsed as? [String: Any])
    }

    private init(values: [String: Any]) { self.values = values }

    var description: String { "\(values)" }
    subscript(text name: String) -> String? { values[name] as? String }
    subscript(number name: String) -> Int? { (values[name] as? NSNumber)?.intValue }
    subscript(flag name: String) -> Bool? { values[name] as? Bool }
    subscript(object name: String) -> JSON? {
        (values[name] as? [String: Any]).map { JSON(values: $0) }
    }
    subscript(list name: String) -> [JSON]? {
        (values[name] as? [[String: Any]])?.map { JSON(values: $0) }
    }
    /// The error's code in a reply that says no.
    var errorCode: String? { self[object: "error"]?[text: "code"] }
}
