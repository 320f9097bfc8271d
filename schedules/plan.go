package schedules

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// Action is what is to be done with a schedule.
type Action string

// The actions of a plan.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// A Plan is what must be done so that EventBridge holds what the code says.
type Plan struct {
	// Group is the application's schedule group.
	Group string `json:"group"`
	// CreateGroup means that the group does not exist.
	CreateGroup bool `json:"create_group,omitempty"`
	// Changes are ordered by the schedules' names.
	Changes []Change `json:"changes"`
	// Unchanged is how many schedules are as the code says.
	Unchanged int `json:"unchanged"`
}

// Empty reports whether nothing is to be done.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 && !p.CreateGroup }

// Count is how many changes are of that action.
func (p *Plan) Count(action Action) int {
	n := 0
	for _, c := range p.Changes {
		if c.Action == action {
			n++
		}
	}
	return n
}

// A Change is what is to be done with one schedule.
type Change struct {
	Action   Action `json:"action"`
	Schedule string `json:"schedule"`
	// Task is empty for a schedule that the code does not know.
	Task string `json:"task,omitempty"`
	// Paused means that the schedule is paused, and stays so.
	Paused bool `json:"paused,omitempty"`
	// Fields are those that change, or that a new schedule gets.
	Fields []Field `json:"fields,omitempty"`

	wanted desired
	have   *scheduler.GetScheduleOutput
}

// A Field is one setting of a schedule, in EventBridge's terms.
type Field struct {
	Name string `json:"name"`
	// Have is what EventBridge holds, and Want what the code says; either can be empty.
	Have string `json:"have"`
	Want string `json:"want"`
}

// Plan compares EventBridge with the code, without changing anything. Whatever somebody changed by hand shows as an
// update, except that a schedule is paused. A schedule whose end has passed is not needed any more.
func (m *Manager) Plan(ctx context.Context, r *tasks.Registry) (*Plan, error) {
	if err := sqsqueue.CheckNames(m.cfg.Prefix, r); err != nil {
		return nil, err
	}
	now := time.Now()
	wanted, err := m.desire(ctx, r, now)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Group: m.group, Changes: []Change{}}
	exists, err := owned(ctx, m.api, m.group, m.cfg)
	if err != nil {
		return nil, err
	}
	var names []string
	if exists {
		if names, err = m.list(ctx); err != nil {
			return nil, err
		}
	}
	plan.CreateGroup = !exists && len(wanted) > 0
	have, err := m.getAll(ctx, names, wanted)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, known := wanted[name]; !known {
			plan.Changes = append(plan.Changes, Change{Action: Delete, Schedule: name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		change := Change{Action: Create, Schedule: name, Task: wanted[name].Task, wanted: wanted[name], have: have[name]}
		if change.have != nil {
			change.Action, change.Paused = Update, change.have.State == types.ScheduleStateDisabled
		}
		if change.Fields = wanted[name].differences(change.have, now); len(change.Fields) == 0 {
			plan.Unchanged++
			continue
		}
		plan.Changes = append(plan.Changes, change)
	}
	slices.SortStableFunc(plan.Changes, func(a, b Change) int { return strings.Compare(a.Schedule, b.Schedule) })
	return plan, nil
}

// getAll reads those of the schedules that are wanted.
func (m *Manager) getAll(ctx context.Context, names []string, wanted map[string]desired) (map[string]*scheduler.GetScheduleOutput, error) {
	have := map[string]*scheduler.GetScheduleOutput{}
	var mu sync.Mutex
	err := each(ctx, names, func(ctx context.Context, name string) error {
		if _, known := wanted[name]; !known {
			return nil
		}
		out, err := m.get(ctx, name)
		if err != nil || out == nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		have[name] = out
		return nil
	})
	return have, err
}

// differences are the settings in which a schedule is not as wanted; all, where there is none.
func (d desired) differences(have *scheduler.GetScheduleOutput, now time.Time) []Field {
	want := fieldsOf(d.replacement("", nil, now))
	if have == nil {
		return slices.DeleteFunc(want, func(f Field) bool { return f.Want == "" })
	}
	was := fieldsOf(asRequest(have))
	var differ []Field
	for i, f := range want {
		f.Have = was[i].Want
		if f.Name == startField && d.startServes(have.StartDate, now) || f.Have == f.Want {
			continue
		}
		differ = append(differ, f)
	}
	return differ
}

// startServes reports whether a schedule that starts then is due when one would be that is written now. The start is not
// one value: it passes, and that of a rate may be any multiple of its period.
func (d desired) startServes(start *time.Time, now time.Time) bool {
	want := d.Start(now)
	switch {
	case d.Period == 0 && want.IsZero():
		return start == nil || !start.After(now)
	case start == nil:
		return false
	case d.Period == 0 || d.From.After(now):
		return start.Equal(want)
	}
	return start.Equal(ceil(*start, d.Period)) && !start.After(want)
}

// asRequest is the request that would leave a schedule as it is.
func asRequest(s *scheduler.GetScheduleOutput) *scheduler.UpdateScheduleInput {
	return &scheduler.UpdateScheduleInput{
		Name: s.Name, GroupName: s.GroupName, Description: s.Description, State: s.State, KmsKeyArn: s.KmsKeyArn,
		ScheduleExpression: s.ScheduleExpression, ScheduleExpressionTimezone: s.ScheduleExpressionTimezone,
		StartDate: s.StartDate, EndDate: s.EndDate, FlexibleTimeWindow: s.FlexibleTimeWindow, Target: s.Target,
		ActionAfterCompletion: s.ActionAfterCompletion,
	}
}

const startField = "start"

// fieldsOf writes a schedule's settings, always the same ones in the same order, with EventBridge's defaults where one is
// not set.
func fieldsOf(s *scheduler.UpdateScheduleInput) []Field {
	var target types.Target
	if s.Target != nil {
		target = *s.Target
	}
	window, dead, group := "off", "", ""
	if w := s.FlexibleTimeWindow; w != nil && w.Mode == types.FlexibleTimeWindowModeFlexible {
		window = fmt.Sprintf("%d minutes", aws.ToInt32(w.MaximumWindowInMinutes))
	}
	if target.DeadLetterConfig != nil {
		dead = aws.ToString(target.DeadLetterConfig.Arn)
	}
	if target.SqsParameters != nil {
		group = aws.ToString(target.SqsParameters.MessageGroupId)
	}
	age, attempts := tasks.MaxMaxEventAge, int32(tasks.MaxFireRetries)
	if p := target.RetryPolicy; p != nil {
		if p.MaximumEventAgeInSeconds != nil {
			age = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
		}
		if p.MaximumRetryAttempts != nil {
			attempts = *p.MaximumRetryAttempts
		}
	}
	after := s.ActionAfterCompletion
	if after == "" {
		after = types.ActionAfterCompletionNone
	}
	zone := aws.ToString(s.ScheduleExpressionTimezone)
	if zone == "" {
		zone = "UTC"
	}
	return []Field{
		{Name: "expression", Want: aws.ToString(s.ScheduleExpression)},
		{Name: "zone", Want: zone},
		{Name: startField, Want: instant(s.StartDate)},
		{Name: "end", Want: instant(s.EndDate)},
		{Name: "flexible window", Want: window},
		{Name: "target", Want: aws.ToString(target.Arn)},
		{Name: "input", Want: aws.ToString(target.Input)},
		{Name: "message group", Want: group},
		{Name: "role", Want: aws.ToString(target.RoleArn)},
		{Name: "dead-letter queue", Want: dead},
		{Name: "maximum event age", Want: age.String()},
		{Name: "retry attempts", Want: strconv.Itoa(int(attempts))},
		{Name: "after completion", Want: string(after)},
		{Name: "description", Want: aws.ToString(s.Description)},
	}
}

func instant(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
