import Glibc
import ReadStateService

exit(runProgram(Array(CommandLine.arguments.dropFirst()), processEnvironment()).rawValue)
