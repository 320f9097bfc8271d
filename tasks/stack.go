package tasks

import (
	"context"
	"runtime/pprof"
	"strconv"
	"strings"
)

const taskLabel = "task"

// goroutineLabels is a context with the labels of a task's goroutines: profiles show by them what works for which task,
// and the goroutines of one task can be found among all.
func goroutineLabels(task string) context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels(taskLabel, task))
}

// goroutineStacks returns the stacks of the goroutines that work for a task, alike ones together with their number. All
// of them, not one job's alone: a label for each job would cost every run what few ever need.
func goroutineStacks(task string) string {
	var all strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return ""
	}
	label := strconv.Quote(taskLabel) + ":" + strconv.Quote(task)
	var own []string
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, label) {
			own = append(own, block)
		}
	}
	return strings.Join(own, "\n\n")
}
