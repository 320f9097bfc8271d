package schedules

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/tasks"
)

// State is what EventBridge says of a task's schedules.
type State string

// The states of a periodic task.
const (
	Enabled State = "enabled"
	Paused  State = "paused"
	// Missing means that a schedule of the task is not in EventBridge.
	Missing State = "missing"
	// Ended means that nothing is due any more.
	Ended State = "ended"
)

// Pause keeps a task's schedules from firing until [Manager.Resume]. Ticks in between are not made up for.
func (m *Manager) Pause(ctx context.Context, r *tasks.Registry, task string) error {
	return m.setState(ctx, r, task, types.ScheduleStateDisabled)
}

// Resume lets a task's schedules fire again.
func (m *Manager) Resume(ctx context.Context, r *tasks.Registry, task string) error {
	return m.setState(ctx, r, task, types.ScheduleStateEnabled)
}

// Periodic returns the task of that name, which must be periodic: the error wraps [ErrNotPeriodic] or
// [tasks.ErrUnknownTask].
func Periodic(r *tasks.Registry, name string) (tasks.AnyTask, error) {
	task, err := r.Task(name)
	if err != nil {
		return nil, err
	}
	if task.Info().Schedule == nil {
		return nil, fmt.Errorf("task %q: %w", name, ErrNotPeriodic)
	}
	return task, nil
}

func (m *Manager) setState(ctx context.Context, r *tasks.Registry, task string, state types.ScheduleState) error {
	if _, err := Periodic(r, task); err != nil {
		return err
	}
	specs, err := Specs(r)
	if err != nil {
		return err
	}
	exists, err := owned(ctx, m.api, m.group, m.cfg)
	if err != nil {
		return err
	}
	for _, spec := range specs {
		if spec.Task != task {
			continue
		}
		if !exists {
			return fmt.Errorf("task %q: %w", task, ErrNotApplied)
		}
		have, err := m.get(ctx, spec.Name)
		if err != nil {
			return err
		}
		if have == nil {
			return fmt.Errorf("task %q: %w", task, ErrNotApplied)
		}
		if have.State == state {
			continue
		}
		// Everything else stays as it is, even where it was changed by hand, but for a start that lies behind: EventBridge
		// takes none that is older than five minutes.
		in := asRequest(have)
		in.State, in.ClientToken = state, token()
		if now := time.Now(); in.StartDate != nil && in.StartDate.Before(now) {
			in.StartDate = optional(spec.Start(now))
		}
		if err := m.update(ctx, in, nil); err != nil {
			return fmt.Errorf("task %q: %w", task, err)
		}
	}
	return nil
}

// States asks EventBridge for the state of each periodic task.
func (m *Manager) States(ctx context.Context, r *tasks.Registry) (map[string]State, error) {
	specs, err := Specs(r)
	if err != nil {
		return nil, err
	}
	exists, err := owned(ctx, m.api, m.group, m.cfg)
	if err != nil {
		return nil, err
	}
	names := map[string]desired{}
	for _, spec := range specs {
		names[spec.Name] = desired{Spec: spec}
	}
	var listed []string
	if exists {
		if listed, err = m.list(ctx); err != nil {
			return nil, err
		}
	}
	have, err := m.getAll(ctx, listed, names)
	if err != nil {
		return nil, err
	}
	states := map[string]State{}
	for _, spec := range specs {
		found := have[spec.Name]
		switch {
		case spec.Over(time.Now()):
			if states[spec.Task] == "" {
				states[spec.Task] = Ended
			}
		case found == nil:
			states[spec.Task] = Missing
		case found.State == types.ScheduleStateDisabled && states[spec.Task] != Missing:
			states[spec.Task] = Paused
		case states[spec.Task] == "":
			states[spec.Task] = Enabled
		}
	}
	return states, nil
}
