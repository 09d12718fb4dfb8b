// bus/journal/descriptors.hpp - opens files also where connections have taken every descriptor that the process may have.
//
// Threads: safe from any.
#pragma once

#include <sys/types.h>

namespace laban::journal {

// As open(2), close-on-exec. A few descriptors are kept back for it: where the limit on open files is reached, one of them
// makes room, so that the log goes on in its next file.
int open_descriptor(const char* path, int flags, mode_t mode = 0);

// True where nothing more can be opened or accepted now, those kept back apart.
bool files_exhausted();

}  // namespace laban::journal
