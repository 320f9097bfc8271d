// Package sqlitefile looks at SQLite's files before SQLite does.
package sqlitefile

import (
	"fmt"
	"os"
	"path/filepath"
)

// minPage is the smallest page that SQLite has, and so the smallest file with anything in it.
const minPage = 512

// CutOff says why a file is the rest of one that was cut off, or returns "". SQLite would take it for a new one and write
// over it: one that is shorter than a page, and an empty one beside which there is a log with something in it, which SQLite
// would remove. A new file has its first page before it has a log. The file is not opened, since closing it again would
// drop the locks that this process has on it.
func CutOff(path string) string {
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	switch n := size(path); {
	case n >= minPage:
		return ""
	case n > 0:
		return fmt.Sprintf("it has only %d bytes", n)
	}
	// Somebody else may be making the file; then it is no longer empty after a look at the log.
	if log := path + "-wal"; size(log) > 0 && size(path) == 0 {
		return "it is empty, and " + filepath.Base(log) + " beside it is not"
	}
	return ""
}
