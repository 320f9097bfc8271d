package tasks

import (
	"context"
	"runtime/pprof"
	"strconv"
	"strings"
)

// labelGoroutine marks a task's goroutine with its task and job, so that profiles show what works for which task, and an
// abandoned function can be found among all goroutines.
func labelGoroutine(ctx context.Context, a Attempt) {
	pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("task", a.Task, "job", a.ID)))
}

// goroutineStack returns the stack of the goroutine that works on an attempt, or "" where it has just ended.
func goroutineStack(a Attempt) string {
	var all strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return ""
	}
	label := `"job":` + strconv.Quote(a.ID)
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, label) {
			return block
		}
	}
	return ""
}
