import Glibc
import ReadStateService

/// Writes to standard output; `.failed` if that is gone (a closed pipe, a full disk).
@discardableResult
func printOut(_ text: String) -> ExitCode { write(text, to: STDOUT_FILENO) ? .done : .failed }

/// Writes a sentence to standard error, after the program's name as is usual.
func printError(_ sentence: String) {
    _ = write("readstates: \(sentence)\n", to: STDERR_FILENO)
}

private func write(_ text: String, to descriptor: Int32) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { bytes in
            // `bytes` is what is left of an array of our own.
            unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        }
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return false }
        rest = rest.dropFirst(count)
    }
    return true
}
