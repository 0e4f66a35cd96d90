// swift-tools-version: 6.2
import PackageDescription

// One place for the rules of the house: warnings are errors, unsafe code is written `unsafe`,
// and an import never leaks into a neighbour.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]
// What ships is built without checks of exclusive access, which the debug build and all tests make:
// they are 5 to 6 % of a worker's instructions, and a third of a simulation's time.
let shipped =
    strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]
let tests: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "readstates",
    products: [.executable(name: "readstates", targets: ["readstates"])],
    targets: [
        .systemLibrary(name: "CRdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CMicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .target(
            name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("m")]),
        .target(name: "CAllocator", linkerSettings: [.linkedLibrary("jemalloc")]),
        .target(name: "CLinux"),
        .target(name: "CMemory"),
        .target(name: "CBench"),

        .target(name: "ReadStateCore", dependencies: ["CMemory"], swiftSettings: shipped),
        .target(
            name: "ReadStateWire", dependencies: ["ReadStateCore", "CSimdjson"],
            swiftSettings: shipped),
        .target(name: "KafkaLog", dependencies: ["CRdkafka", "CLinux"], swiftSettings: shipped),
        .target(name: "RedisLink", dependencies: ["CHiredis", "CLinux"], swiftSettings: shipped),
        .target(
            name: "ReadStateClient",
            dependencies: ["ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink"],
            swiftSettings: shipped),
        .target(
            name: "ReadStateService",
            dependencies: [
                "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink", "CMicrohttpd", "CLinux",
            ],
            swiftSettings: shipped),
        .executableTarget(
            name: "readstates",
            dependencies: [
                "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink", "ReadStateClient",
                "ReadStateService", "CAllocator",
            ],
            swiftSettings: shipped),
        .target(
            name: "Simulator", dependencies: ["ReadStateCore", "ReadStateWire"],
            swiftSettings: shipped),
        .executableTarget(
            name: "readstates-simulate", dependencies: ["Simulator"], swiftSettings: strict),
        .executableTarget(
            name: "readstates-bench", dependencies: ["ReadStateCore", "ReadStateWire", "CBench"],
            swiftSettings: strict),

        // Starts throwaway servers as the scenarios do, and the real program between them.
        .executableTarget(
            name: "readstates-bench-worker",
            dependencies: [
                "CRdkafka", "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink",
                "ReadStateClient", "ReadStateService", "TestSupport",
            ],
            swiftSettings: strict),

        .target(
            name: "TestSupport", dependencies: ["CLinux"], path: "Tests/TestSupport",
            swiftSettings: tests),
        .target(
            name: "ScenarioSupport",
            dependencies: [
                "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink", "ReadStateClient",
                "TestSupport",
            ], path: "Tests/ScenarioSupport", swiftSettings: tests),
        .executableTarget(
            name: "readstates-chaos",
            dependencies: [
                "ReadStateWire", "KafkaLog", "RedisLink", "ReadStateClient", "ScenarioSupport",
                "TestSupport",
            ], path: "Tests/readstates-chaos", swiftSettings: tests),
        .testTarget(
            name: "ReadStateCoreTests", dependencies: ["ReadStateCore", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "ReadStateWireTests",
            dependencies: ["ReadStateCore", "ReadStateWire", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "KafkaLogTests", dependencies: ["KafkaLog", "TestSupport", "CLinux"],
            swiftSettings: tests),
        .testTarget(
            name: "RedisLinkTests", dependencies: ["RedisLink", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "ReadStateServiceTests",
            dependencies: [
                "ReadStateCore", "ReadStateWire", "RedisLink", "KafkaLog", "ReadStateService",
                "ReadStateClient", "TestSupport",
            ],
            swiftSettings: tests),
        .testTarget(
            name: "SimulatorTests",
            dependencies: ["ReadStateCore", "RedisLink", "Simulator", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "ScenarioTests",
            dependencies: [
                "ReadStateCore", "ReadStateWire", "KafkaLog", "RedisLink", "ReadStateClient",
                "ScenarioSupport", "TestSupport",
            ],
            swiftSettings: tests),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: tests),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17)
