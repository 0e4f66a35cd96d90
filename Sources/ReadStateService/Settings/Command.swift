/// What the program can be asked to do.
package enum Command: String, CaseIterable, Sendable {
    case worker, get, list, totals, publish, load, demo, help, version
    /// A broker for tests and demonstrations; not on any help page.
    case embeddedBroker = "embedded-broker"

    /// One line for the list of commands.
    package var summary: String {
        switch self {
        case .worker: "run the service: consume events, answer queries, commit to Redis"
        case .get: "ask for one read state"
        case .list: "ask for all read states of a user"
        case .totals: "ask for a user's unread channels and mentions"
        case .publish: "send events from JSON lines to the topic"
        case .load: "send synthetic events, and queries beside them"
        case .demo: "everything at once on an embedded broker and a throwaway Redis"
        case .help: "explain a command, or every setting (`help settings`)"
        case .version: "print the version"
        case .embeddedBroker: "run librdkafka's mock broker until SIGTERM"
        }
    }

    /// What follows the command, as a help page shows it.
    package var operands: [String] {
        switch self {
        case .get: ["USER", "CHANNEL"]
        case .list, .totals: ["USER"]
        case .publish: ["[FILE]"]
        case .help: ["[COMMAND]"]
        default: []
        }
    }

    /// How many operands there must be, at least and at most.
    package var operandCount: ClosedRange<Int> {
        operands.count { !$0.hasPrefix("[") }...operands.count
    }

    package var isHidden: Bool { self == .embeddedBroker }
}
