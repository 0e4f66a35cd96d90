import Glibc

/// A socket that listens on an address; a name is resolved, the first result that can be bound
/// wins.
func listeningSocket(_ address: HostPort) throws(SystemCallError) -> Int32 {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_PASSIVE
    var results: UnsafeMutablePointer<addrinfo>?
    // The strings live through the call; the list is freed below, once.
    let code = unsafe getaddrinfo(address.host, String(address.port), &hints, &results)
    guard code == 0 else {
        throw SystemCallError("listen on \(address): no such host", code: EADDRNOTAVAIL)
    }
    defer { unsafe freeaddrinfo(results) }
    var failure = SystemCallError("listen on \(address)", code: EADDRNOTAVAIL)
    var next = unsafe results
    while let result = unsafe next {
        // `result` is an entry of the list, which is alive until the end of this function.
        let entry = unsafe result.pointee
        unsafe next = entry.ai_next
        let descriptor = socket(
            unsafe entry.ai_family,
            Int32(
                SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue
                    | SOCK_NONBLOCK.rawValue), 0)
        if descriptor < 0 { continue }
        var on: Int32 = 1
        // A restarted worker takes its port back at once; the option's size is an Int32's.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        if unsafe bind(descriptor, entry.ai_addr, entry.ai_addrlen) == 0,
            listen(descriptor, 64) == 0
        {
            return descriptor
        }
        failure = SystemCallError("listen on \(address)", code: errno)
        close(descriptor)
    }
    throw failure
}

/// The port a socket is bound to.
func boundPort(_ descriptor: Int32) -> UInt16? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // `storage` is large enough for every family, and lives through both uses.
    return unsafe withUnsafeMutablePointer(to: &storage) { storage in
        let address = UnsafeMutableRawPointer(storage)
        guard
            unsafe getsockname(
                descriptor, address.assumingMemoryBound(to: sockaddr.self), &size) == 0
        else { return nil }
        // Both families keep the port, in network order, behind the two bytes of the family.
        return UInt16(bigEndian: unsafe address.load(fromByteOffset: 2, as: UInt16.self))
    }
}
