import Glibc

/// A call to the kernel that failed.
package struct SystemCallError: Error, CustomStringConvertible, Sendable {
    package let operation: String
    /// The value of errno.
    package let code: Int32

    package init(_ operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// What errno says about the call that just failed.
    static func last(_ operation: String) -> SystemCallError {
        SystemCallError(operation, code: errno)
    }

    package var description: String { "\(operation): \(errorText(code))" }
}

/// The system's words for an errno value.
package func errorText(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    // The buffer outlives the call and its size is given; XSI's form writes into it.
    let result = unsafe strerror_r(code, &buffer, buffer.count)
    guard result == 0 else { return "error \(code)" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
}

/// Repeats a call for as long as a signal interrupts it.
func retryingInterrupts(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
