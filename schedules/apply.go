package schedules

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/coretasks/core/tasks"
)

// rounds is how often Apply plans anew because somebody else came between.
const rounds = 5

// errStale says that a schedule is no longer what the plan found.
var errStale = errors.New("the schedule changed meanwhile")

// Apply makes EventBridge hold what the code says and returns what it did: it creates the group and what is missing,
// replaces what differs, and deletes what the code no longer defines. It may run from several places at once: what somebody
// else created or deleted meanwhile is looked at anew, and where both run the same code both end with the same.
//
// A paused schedule stays paused: whether a schedule is paused is kept by EventBridge alone. When Apply fails, part of the
// plan may be done; running it again does the rest.
func (m *Manager) Apply(ctx context.Context, r *tasks.Registry) (*Plan, error) {
	done := &Plan{Group: m.group, Changes: []Change{}}
	for round := range rounds {
		if round > 0 {
			if err := pause(ctx, backoff(round)); err != nil {
				return done, err
			}
		}
		plan, err := m.Plan(ctx, r)
		if err != nil {
			return done, err
		}
		if round == 0 {
			done.Unchanged = plan.Unchanged
		}
		if plan.CreateGroup {
			if err := makeGroup(ctx, m.api, m.group, m.cfg); err != nil {
				return done, err
			}
			done.CreateGroup = true
		}
		applied, err := m.execute(ctx, plan.Changes)
		done.Changes = append(done.Changes, applied...)
		if !errors.Is(err, errStale) {
			slices.SortStableFunc(done.Changes, func(a, b Change) int { return cmp.Compare(a.Schedule, b.Schedule) })
			return done, err
		}
	}
	return done, &Error{Op: "apply", Group: m.group, Err: ErrUnstable}
}

// execute makes the changes, as many as it can, and returns those that were made.
func (m *Manager) execute(ctx context.Context, changes []Change) (applied []Change, err error) {
	var (
		mu    sync.Mutex
		stale bool
	)
	err = each(ctx, changes, func(ctx context.Context, c Change) error {
		err := m.change(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, errStale):
			stale = true
			return nil
		case err == nil:
			applied = append(applied, c)
		}
		return err
	})
	if err == nil && stale {
		err = errStale
	}
	return applied, err
}

func (m *Manager) change(ctx context.Context, c Change) error {
	var err error
	switch c.Action {
	case Create:
		in := create(c.wanted.replacement(m.group, nil, time.Now()))
		_, err = call(ctx, func(ctx context.Context) (*scheduler.CreateScheduleOutput, error) {
			return m.api.CreateSchedule(ctx, in)
		})
		if taken(err) || missing(err) {
			return errStale
		}
		return wrap("create", "scheduler:CreateSchedule", m.group, c.Schedule, err)
	case Update:
		in := c.wanted.replacement(m.group, c.have, time.Now())
		// EventBridge has no conditional update. Looked up as late as can be, a pause since the plan stays one.
		return m.update(ctx, in, func(ctx context.Context) error {
			now, err := m.api.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: in.GroupName})
			if err == nil {
				in.State = now.State
			}
			return err
		})
	default:
		in := &scheduler.DeleteScheduleInput{GroupName: aws.String(m.group), Name: aws.String(c.Schedule), ClientToken: token()}
		_, err = call(ctx, func(ctx context.Context) (*scheduler.DeleteScheduleOutput, error) {
			return m.api.DeleteSchedule(ctx, in)
		})
		if missing(err) {
			return nil
		}
		return wrap("delete", "scheduler:DeleteSchedule", m.group, c.Schedule, err)
	}
}

// update replaces a schedule. What comes first, unless it is nil, does so at each try.
func (m *Manager) update(ctx context.Context, in *scheduler.UpdateScheduleInput, first func(context.Context) error) error {
	_, err := call(ctx, func(ctx context.Context) (*scheduler.UpdateScheduleOutput, error) {
		if first != nil {
			if err := first(ctx); err != nil {
				return nil, err
			}
		}
		return m.api.UpdateSchedule(ctx, in)
	})
	if missing(err) {
		return errStale
	}
	return wrap("update", "scheduler:UpdateSchedule", m.group, aws.ToString(in.Name), err)
}

// create is the request that creates what another would replace.
func create(in *scheduler.UpdateScheduleInput) *scheduler.CreateScheduleInput {
	return &scheduler.CreateScheduleInput{
		Name: in.Name, GroupName: in.GroupName, ClientToken: in.ClientToken, Description: in.Description, State: in.State, KmsKeyArn: in.KmsKeyArn,
		ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
		StartDate: in.StartDate, EndDate: in.EndDate, FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
		ActionAfterCompletion: in.ActionAfterCompletion,
	}
}
