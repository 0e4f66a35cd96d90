import Glibc
import ReadStateService

// A peer or a pipe that is gone is an error of the write, not the end of the process.
signal(SIGPIPE, SIG_IGN)
exit(runProgram(Array(CommandLine.arguments.dropFirst()), processEnvironment()).rawValue)
