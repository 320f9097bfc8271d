package reports

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/coretasks/core/tasks"
)

// keepReports is how long a report can be downloaded.
const keepReports = 30 * 24 * time.Hour

// Cleanup deletes old reports every night. A second run finds nothing left to do.
var Cleanup = tasks.Periodic("reports.cleanup", cleanup,
	tasks.Cron("30 3 * * *"), tasks.In("America/Sao_Paulo"), tasks.CatchUp(), tasks.MaxRetries(3), tasks.RetryDelay(time.Minute))

// Pulse runs every five minutes, to show a periodic task at work.
var Pulse = tasks.Periodic("demo.pulse", pulse, tasks.Every(5*time.Minute))

func cleanup(ctx context.Context) error {
	dir, err := stateDir(ctx)
	if err != nil {
		return err
	}
	files, err := os.ReadDir(filepath.Join(dir, "reports"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // none was ever made
	}
	if err != nil {
		return err
	}
	deleted := 0
	for _, file := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		info, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || time.Since(info.ModTime()) < keepReports) {
			continue
		}
		if err == nil {
			err = os.Remove(filepath.Join(dir, "reports", file.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another run may have been faster
			return err
		}
		deleted++
	}
	tasks.Logger(ctx).Info("old reports deleted", "files", deleted)
	return nil
}

func pulse(ctx context.Context) error {
	tasks.Logger(ctx).Info("still here")
	return nil
}
