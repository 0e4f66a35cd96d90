// simdjson behind plain C: a parser that validates a whole document and walks it by value.
#pragma once
