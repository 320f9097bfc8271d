// Package reports is the example application: a small shop whose sales reports are made in the background.
//
// Its tasks are package variables, so that any program can enqueue them, [Generate] for instance, with nothing but a
// queue. Only a worker needs to know where its files are; it gets that from [Registry].
package reports

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/coretasks/core/tasks"
)

// Params says which report to make. They are IDs, not objects: the task looks up what is true when it runs.
type Params struct {
	UserID int64 `json:"user_id"`
	// ReportType is "daily", "monthly" or "yearly".
	ReportType string `json:"report_type"`
	// Slowly waits a moment at each step. It is there so that progress can be watched: a report of this size is made in a
	// few milliseconds otherwise.
	Slowly bool `json:"slowly,omitempty"`
}

// A Report is a finished report.
type Report struct {
	// File is the HTML file's path, below the directory given to [Registry].
	File string `json:"file"`
	// UserID is whose report it is.
	UserID int64 `json:"user_id"`
	// Rows is how many sales the report counts.
	Rows int64 `json:"rows"`
	// TotalCents is their revenue in US cents.
	TotalCents int64 `json:"total_cents"`
}

// Generate makes a user's sales report as an HTML file. A second run of the same job replaces the file of the first.
var Generate = tasks.Define("reports.generate", generate,
	tasks.Queue("default"), tasks.MaxRetries(3), tasks.RetryDelay(10*time.Second), tasks.Timeout(5*time.Minute))

// Registry returns the example's tasks. They keep their files below dir, which is made when the first task runs, and the
// sales in a SQLite database there: the program must link a driver named sqlite.
func Registry(dir string) *tasks.Registry { return registry(files{dir: dir}) }

// SampleRegistry is Registry for a program without SQLite, such as a small Lambda function: the sales are the same, made
// in memory.
func SampleRegistry(dir string) *tasks.Registry {
	return registry(files{dir: dir, memory: &memory{today: time.Now().UTC()}})
}

// LambdaTimeout is what the example's Lambda function needs for the longest of its tasks, and to say how they ended.
const LambdaTimeout = 5*time.Minute + 10*time.Second

func registry(f files) *tasks.Registry {
	return tasks.NewRegistry(Generate, Email, Cleanup, Pulse, Flaky, Wait,
		tasks.QueueSettings{Name: "default", LambdaTimeout: LambdaTimeout},
		tasks.QueueSettings{Name: "high-priority", LambdaTimeout: LambdaTimeout},
	).Use(withFiles(f))
}

func generate(ctx context.Context, p Params) (Report, error) {
	kind, err := kindOf(p.ReportType)
	if err != nil {
		return Report{}, tasks.Permanent(err)
	}
	attempt, ok := tasks.Current(ctx)
	if !ok {
		return Report{}, errors.New("generate must run as a task")
	}
	sales, err := openSales(ctx)
	if err != nil {
		return Report{}, err
	}
	defer sales.close() // whatever happens: an error, a timeout, a panic

	user, err := sales.user(ctx, p.UserID)
	if err != nil {
		return Report{}, err
	}
	page, err := kind.page(ctx, sales, user, p.Slowly)
	if err != nil {
		return Report{}, err
	}
	page.JobID, page.EnqueuedAt = attempt.ID, attempt.EnqueuedAt
	file, err := reportFile(ctx, p, attempt.ID)
	if err != nil {
		return Report{}, err
	}
	if err := writeFile(file, page.render()); err != nil {
		return Report{}, err
	}
	tasks.Progress(ctx, 1, "report written")
	tasks.Logger(ctx).Info("report written", "file", file, "rows", page.Total.Sales)
	return Report{File: file, UserID: user.ID, Rows: page.Total.Sales, TotalCents: page.Total.Cents}, nil
}

// reportFile names a job's report by what it was made for, and so the same on every attempt.
func reportFile(ctx context.Context, p Params, jobID string) (string, error) {
	dir, err := stateDir(ctx)
	if err != nil {
		return "", err
	}
	// An ID comes from outside; escaped, it can't lead out of the directory.
	name := fmt.Sprintf("%s-%d-%s.html", p.ReportType, p.UserID, url.PathEscape(jobID))
	return filepath.Join(dir, "reports", name), nil
}
