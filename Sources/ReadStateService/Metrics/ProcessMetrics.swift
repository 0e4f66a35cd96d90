// The `process_…` metrics that every Prometheus client library offers, read from /proc.

import Glibc

private let cpuSeconds = Metric(
    .counter, fullName: "process_cpu_seconds_total", "User and system CPU time spent, in seconds.")
private let residentMemory = Metric(
    .gauge, fullName: "process_resident_memory_bytes", "Resident memory size in bytes.")
private let virtualMemory = Metric(
    .gauge, fullName: "process_virtual_memory_bytes", "Virtual memory size in bytes.")
private let openDescriptors = Metric(
    .gauge, fullName: "process_open_fds", "Number of open file descriptors.")
private let maximumDescriptors = Metric(
    .gauge, fullName: "process_max_fds", "Maximum number of open file descriptors.")
private let startTime = Metric(
    .gauge, fullName: "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.")
private let threads = Metric(.gauge, fullName: "process_threads", "Number of threads.")

/// Adds what is known about this process.
func addProcessMetrics(_ exposition: inout Exposition) {
    exposition.add(cpuSeconds, Double(cpuNanoseconds()) / 1e9)
    if let statistics = ProcessStatistics() {
        exposition.add(residentMemory, statistics.residentBytes)
        exposition.add(virtualMemory, statistics.virtualBytes)
        exposition.add(threads, statistics.threads)
        if let boot = bootTime() {
            exposition.add(startTime, Double(boot) + statistics.startSecondsAfterBoot)
        }
    }
    exposition.add(openDescriptors, openDescriptorCount())
    var limit = rlimit()
    // A local that outlives the call.
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
        exposition.add(maximumDescriptors, limit.rlim_cur)
    }
}

private func cpuNanoseconds() -> Int {
    var time = timespec()
    // A local that outlives the call.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Fields of /proc/self/stat (proc(5)).
private struct ProcessStatistics {
    let threads: Int
    let startSecondsAfterBoot: Double
    let virtualBytes: Int
    let residentBytes: Int

    init?() {
        // The second field, the name in parentheses, may hold anything; the third follows it.
        guard let text = readFile("/proc/self/stat"), let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ").map { Int($0) }
        func field(_ number: Int) -> Int? {
            fields.indices.contains(number - 3) ? fields[number - 3] : nil
        }
        guard let threads = field(20), let ticks = field(22), let size = field(23),
            let pages = field(24)
        else { return nil }
        self.threads = threads
        startSecondsAfterBoot = Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
        virtualBytes = size
        residentBytes = pages * sysconf(Int32(_SC_PAGESIZE))
    }
}

private func bootTime() -> Int? {
    let lines = readFile("/proc/stat")?.split(separator: "\n")
    return lines?.first { $0.hasPrefix("btime ") }.flatMap { Int($0.dropFirst(6)) }
}

private func openDescriptorCount() -> Int {
    // Opened and closed here; readdir's result is used before the next call.
    guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    return count - 3  // ".", ".." and the descriptor of this directory
}
