package emulator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/coretasks/core/internal/sqlitefile"
)

// What can be wrong with a state file; errors.Is finds them in a [*StateError].
var (
	// ErrInUse means that another process, or another emulator of this one, has the file open.
	ErrInUse = errors.New("in use by another process")
	// ErrCorrupt means that the file is damaged, or was never an emulator's.
	ErrCorrupt = errors.New("not a readable state file")
	// ErrFull means that the disk has no room for a change. What the file holds is unharmed.
	ErrFull = errors.New("no space left")
)

// StateError says what is wrong with the state file and what to do about it.
type StateError struct {
	// Path is the file.
	Path string
	// Reason is one sentence for people.
	Reason string
	// Err is one of the errors above, or one of the operating system's.
	Err error
}

// Error names the file, the reason and the error below.
func (s *StateError) Error() string {
	if s.Err == nil {
		return fmt.Sprintf("emulator state file %s: %s", s.Path, s.Reason)
	}
	return fmt.Sprintf("emulator state file %s: %s (%v)", s.Path, s.Reason, s.Err)
}

// Unwrap gives the error below.
func (s *StateError) Unwrap() error { return s.Err }

// checkPath finds what SQLite would only call "unable to open database file". It must not open a file that is there:
// closing it again would drop the locks that another emulator of this process has on it.
func checkPath(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &StateError{path, "its directory " + dir + " does not exist; create it first", fs.ErrNotExist}
	case err != nil:
		return &StateError{path, "its directory " + dir + " can't be used", err}
	case !info.IsDir():
		return &StateError{path, dir + " is not a directory", fs.ErrInvalid}
	}
	info, err = os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return createFile(path)
	case err != nil:
		return &StateError{path, "it can't be looked at", err}
	case info.IsDir():
		return &StateError{path, "it is a directory; name a file", fs.ErrInvalid}
	case !info.Mode().IsRegular():
		return &StateError{path, "it is no regular file; name another", fs.ErrInvalid}
	}
	if reason := sqlitefile.CutOff(path); reason != "" {
		return corrupt(path, reason)
	}
	return nil
}

// createFile makes an empty file that only its owner can read, as messages may be confidential; SQLite gives its log the
// same permissions.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist): // another emulator was quicker; which one gets the lock is SQLite's to say
		return nil
	case errors.Is(err, fs.ErrPermission):
		return &StateError{path, "it can't be created; check the permissions of its directory", err}
	case err != nil:
		return &StateError{path, "it can't be created", err}
	}
	if err := f.Close(); err != nil {
		return &StateError{path, "it can't be created", err}
	}
	return nil
}

// stateError explains an error of SQLite's.
func stateError(path string, err error) error {
	var s *sqlite.Error
	var known *StateError
	if errors.As(err, &known) {
		return err
	}
	if !errors.As(err, &s) {
		return &StateError{path, "it can't be used", err}
	}
	switch s.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return &StateError{path, "another emulator has it open; stop that one, or use another file", ErrInUse}
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return corrupt(path, s.Error())
	case lib.SQLITE_FULL:
		return &StateError{path, "the disk is full; free some space, then it works again. Nothing was changed", ErrFull}
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return &StateError{path, "it can't be opened for writing; check the permissions of the file and its directory. " +
			"Where they are right it is damaged, or of a newer SQLite", fs.ErrPermission}
	}
	return &StateError{path, "reading or writing it failed", err}
}

func corrupt(path, detail string) error {
	return &StateError{path, "it can't be read: " + detail + "; move it and any " + filepath.Base(path) +
		"-wal away to start empty", ErrCorrupt}
}
