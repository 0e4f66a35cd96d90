#include "callocator.h"

const char *malloc_conf = "dirty_decay_ms:1000,muzzy_decay_ms:0";
