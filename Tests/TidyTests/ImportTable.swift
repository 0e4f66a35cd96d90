// Who may import whom. A target exists because its row here differs from its neighbour's; the
// compiler lets transitive imports through, so a test reads the import lines.

/// Every Swift target with all that its files may import.
enum ImportTable {
    static let allowed: [String: Set<String>] = [
        "ReadStateCore": ["CMemory", "Synchronization"],
        "ReadStateWire": ["ReadStateCore", "CSimdjson"],
        "KafkaLog": ["CRdkafka", "CLinux", "Glibc", "Synchronization"],
        "RedisLink": ["CHiredis", "CLinux", "Glibc", "Synchronization"],
        "ReadStateClient": [
            "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink", "Glibc", "Synchronization",
        ],
        "ReadStateService": [
            "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink", "CMicrohttpd", "CLinux",
            "Glibc", "Synchronization",
        ],
        "readstates": [
            "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink", "ReadStateClient",
            "ReadStateService", "Glibc", "Synchronization",
        ],
        "Simulator": ["ReadStateCore", "ReadStateWire"],
        "readstates-simulate": ["Simulator", "Glibc", "Synchronization"],
        "readstates-bench": ["ReadStateCore", "ReadStateWire", "CBench", "Glibc"],
        "readstates-bench-worker": [
            "CRdkafka", "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink",
            "ReadStateClient", "ReadStateService", "TestSupport", "Glibc", "Synchronization",
        ],
        // Shares nothing with what it tests.
        "TestSupport": ["Foundation", "FoundationEssentials", "Glibc", "Synchronization"],
    ]
}
