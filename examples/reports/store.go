package reports

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coretasks/core/tasks"
)

type filesKey struct{}

// files is where the tasks find their sales and put their reports.
type files struct {
	dir    string
	memory *memory // nil: the sales are in a database below dir
}

// withFiles tells the tasks where their files are.
func withFiles(f files) tasks.Middleware {
	return func(next tasks.Handler) tasks.Handler {
		return func(ctx context.Context) error {
			return next(context.WithValue(ctx, filesKey{}, f))
		}
	}
}

func filesOf(ctx context.Context) (files, error) {
	f, ok := ctx.Value(filesKey{}).(files)
	if !ok {
		return files{}, errors.New("the tasks of package reports must run in a registry made by reports.Registry")
	}
	return f, nil
}

func stateDir(ctx context.Context) (string, error) {
	f, err := filesOf(ctx)
	return f.dir, err
}

// writeFile makes a file appear complete or not at all, also to a reader that looks meanwhile and after a crash.
func writeFile(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".unfinished-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(tmp.Name(), path)
}
