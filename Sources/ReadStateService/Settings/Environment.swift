import CLinux

/// The environment of this process. Read at the start: later changes by libraries are not seen.
package func processEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    // The array and its strings are the process' own; nothing changes them while we read.
    guard var next = unsafe clinux_environment() else { return [:] }
    while let entry = unsafe next.pointee {
        let text = unsafe String(cString: entry)
        if let equals = text.firstIndex(of: "=") {
            variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        unsafe next += 1
    }
    return variables
}
