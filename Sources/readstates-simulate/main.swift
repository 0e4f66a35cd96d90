// `readstates-simulate`: runs seeds of the simulator, on all cores, and says what came of them.

import Glibc
import Simulator

let arguments: Arguments
do {
    arguments = try Arguments(CommandLine.arguments.dropFirst())
} catch {
    say(error.text + "\n\n" + Arguments.usage)
    exit(2)
}
if arguments.wantsHelp {
    say(Arguments.usage)
    exit(0)
}
exit(arguments.seeds == nil ? runOne(arguments) : runMany(arguments))
