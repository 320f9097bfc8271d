package reports

import (
	"context"
	"time"

	"github.com/coretasks/core/tasks"
)

// pause is how long a slow report waits at each step.
const pause = 300 * time.Millisecond

// steps counts how far a report is.
type steps struct {
	finished, total int
	slowly          bool
}

// done tells that one more step is finished. It fails when the task's context ends in a pause.
func (s *steps) done(ctx context.Context, text string) error {
	s.finished++
	tasks.Progress(ctx, float64(s.finished)/float64(s.total), text)
	if !s.slowly {
		return nil
	}
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A Type is one kind of report, for those who offer a choice.
type Type struct {
	// Name is what [Params] has as ReportType.
	Name string
	// Title is its name for people.
	Title string
}

// Types lists the kinds of report.
func Types() []Type {
	var types []Type
	for _, k := range kinds() {
		types = append(types, Type{Name: k.name, Title: k.title})
	}
	return types
}
