package sqlitestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/coretasks/core/internal/sqlitefile"
)

// checkPath finds what SQLite would only call "unable to open database file", and creates the file where it is missing.
// It must not open a file that is there: closing it again would drop the locks that another store of this process has.
func checkPath(path string, wait time.Duration) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case path == "":
		return &FileError{path, "its name is empty; name a file", fs.ErrInvalid}
	case errors.Is(err, fs.ErrNotExist):
		return &FileError{path, "its directory " + dir + " does not exist; create it first", fs.ErrNotExist}
	case err != nil:
		return &FileError{path, "its directory " + dir + " can't be used", err}
	case !info.IsDir():
		return &FileError{path, dir + " is not a directory", fs.ErrInvalid}
	}
	info, err = os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return createFile(path, wait)
	case err != nil:
		return &FileError{path, "it can't be looked at", err}
	case !info.Mode().IsRegular():
		return &FileError{path, "it is no regular file; name another", fs.ErrInvalid}
	}
	if reason := sqlitefile.CutOff(path); reason != "" {
		return corrupt(path, reason)
	}
	return nil
}

// createFile makes an empty file that only its owner can read, as results may be confidential; SQLite gives its log the
// same permissions.
//
// A log without its file is of one that was removed. SQLite would read it for the new file's, so it goes first, with a lock
// held: the log of a file that another process has made meanwhile must stay.
func createFile(path string, wait time.Duration) error {
	unlock, err := lockDir(filepath.Dir(path), wait)
	if err != nil {
		return &FileError{path, "it can't be created, as its directory can't be locked", err}
	}
	defer unlock()
	if _, err := os.Lstat(path); err == nil { // another process was quicker
		return nil
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &FileError{path, "what is left of a file that was removed, " + path + suffix + ", can't be removed too", err}
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist): // another process was quicker
		return nil
	case errors.Is(err, fs.ErrPermission):
		return &FileError{path, "it can't be created; check the permissions of its directory", err}
	case err != nil:
		return &FileError{path, "it can't be created", err}
	}
	if err := f.Close(); err != nil {
		return &FileError{path, "it can't be created", err}
	}
	return nil
}
