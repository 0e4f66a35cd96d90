// As much of JSON Schema (draft 2020-12) as the schemas of this repository use. A keyword that is
// not known here fails the test that meets it, so that nothing is silently left unchecked.

import Foundation

/// A schema and its definitions.
struct JSONSchema {
    struct UnknownKeyword: Error { let name: String }

    private let root: [String: Any]

    init(file: String) throws {
        let data = try Data(contentsOf: URL(filePath: file))
        root = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    /// True if the schema allows this document.
    func allows(_ json: String) throws -> Bool {
        try allows(JSONSerialization.jsonObject(with: Data(json.utf8)), by: root)
    }

    private func allows(_ value: Any, by schema: [String: Any]) throws -> Bool {
        for (keyword, rule) in schema where try !allows(value, keyword, rule) { return false }
        return true
    }

    private func allows(_ value: Any, _ keyword: String, _ rule: Any) throws -> Bool {
        let object = value as? [String: Any]
        let array = value as? [Any]
        let text = value as? String
        switch keyword {
        case "$schema", "$id", "$defs", "title", "description", "default":
            return true
        case "$ref":
            let name = (rule as? String)?.split(separator: "/").last.map(String.init) ?? ""
            let definitions = root["$defs"] as? [String: [String: Any]]
            guard let definition = definitions?[name] else { throw UnknownKeyword(name: name) }
            return try allows(value, by: definition)
        case "type":
            return isOfType(value, rule as? String ?? "")
        case "enum":
            return (rule as? [NSObject])?.contains { $0 == value as? NSObject } ?? false
        case "const":
            return rule as? NSObject == value as? NSObject
        case "oneOf":
            let schemas = rule as? [[String: Any]] ?? []
            return try schemas.filter { try allows(value, by: $0) }.count == 1
        case "required":
            return (rule as? [String] ?? []).allSatisfy { object == nil || object?[$0] != nil }
        case "properties":
            let properties = rule as? [String: [String: Any]] ?? [:]
            for (name, schema) in properties {
                if let member = object?[name], try !allows(member, by: schema) { return false }
            }
            return true
        case "items":
            let schema = rule as? [String: Any] ?? [:]
            return try array?.allSatisfy { try allows($0, by: schema) } ?? true
        case "maxItems": return (array?.count ?? 0) <= rule as? Int ?? 0
        case "minLength": return text.map { $0.count >= rule as? Int ?? 0 } ?? true
        case "maxLength": return text.map { $0.count <= rule as? Int ?? 0 } ?? true
        case "pattern":
            guard let text else { return true }
            return try text.contains(Regex(rule as? String ?? ""))
        case "minimum": return integer(value).map { $0 >= rule as? Int64 ?? 0 } ?? true
        case "maximum": return integer(value).map { $0 <= rule as? Int64 ?? 0 } ?? true
        default:
            throw UnknownKeyword(name: keyword)
        }
    }

    /// Foundation's numbers pass for Bool and the other way round; their type tells them apart.
    private func isTrueOrFalse(_ value: Any) -> Bool {
        guard let number = value as? NSNumber else { return false }
        return String(cString: number.objCType) == "c"
    }

    /// A whole number, however it is written.
    private func integer(_ value: Any) -> Int64? {
        guard !isTrueOrFalse(value), let number = value as? NSNumber else { return nil }
        let isDouble = String(cString: number.objCType) == "d"
        return isDouble ? Int64(exactly: number.doubleValue) : number.int64Value
    }

    private func isOfType(_ value: Any, _ type: String) -> Bool {
        switch type {
        case "object": return value is [String: Any]
        case "array": return value is [Any]
        case "string": return value is String
        case "boolean": return isTrueOrFalse(value)
        case "integer": return integer(value) != nil
        default: return false
        }
    }
}
