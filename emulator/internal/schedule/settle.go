package schedule

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/internal/schedexpr"
)

// DefaultGroup is where a schedule is whose request names no group.
const DefaultGroup = "default"

// Limits of EventBridge Scheduler; API reference, RetryPolicy and FlexibleTimeWindow.
const (
	maxRetries       = 185
	minEventAge      = 60
	maxEventAge      = 86_400
	maxWindowMinutes = 1440
	maxStartAge      = 5 * time.Minute
)

// Definition is a schedule as it was asked for. UpdateSchedule's input has the same members.
type Definition = scheduler.CreateScheduleInput

// Settle checks a request and fills in what it leaves to the service, so that it is what GetSchedule answers. Its errors
// are *[Invalid]. The result shares nothing with in.
//
// Of a request with several faults the service tells first what is wrong with single members, all of it; then what is wrong with
// the expression; and only then what else there is.
func Settle(in Definition, now time.Time) (Definition, *Timing, error) {
	if err := checkMembers(&in); err != nil {
		return in, nil, err
	}
	in = Clone(in)
	in.GroupName = aws.String(Group(in.GroupName))
	if aws.ToString(in.ScheduleExpressionTimezone) == "" {
		in.ScheduleExpressionTimezone = aws.String("UTC")
	}
	if in.State == "" {
		in.State = types.ScheduleStateEnabled
	}
	if in.ActionAfterCompletion == "" {
		in.ActionAfterCompletion = types.ActionAfterCompletionNone
	}
	retry := types.RetryPolicy{
		MaximumEventAgeInSeconds: aws.Int32(maxEventAge), MaximumRetryAttempts: aws.Int32(maxRetries),
	}
	if p := in.Target.RetryPolicy; p != nil {
		if p.MaximumEventAgeInSeconds != nil {
			retry.MaximumEventAgeInSeconds = p.MaximumEventAgeInSeconds
		}
		if p.MaximumRetryAttempts != nil {
			retry.MaximumRetryAttempts = p.MaximumRetryAttempts
		}
	}
	in.Target.RetryPolicy = &retry
	timing, err := NewTiming(&in, now)
	if err != nil {
		return in, nil, err
	}
	if in.StartDate != nil && !timing.expr.OneTime() && in.StartDate.Before(now.Add(-maxStartAge)) {
		return in, nil, invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
	}
	if in.StartDate != nil && in.EndDate != nil && !timing.expr.OneTime() && !in.EndDate.After(*in.StartDate) {
		return in, nil, invalid("The EndDate you specify must come after the StartDate.")
	}
	if err := checkRest(&in); err != nil {
		return in, nil, err
	}
	return in, timing, nil
}

// Clone gives a definition that shares nothing with another.
func Clone(d Definition) Definition {
	var out Definition
	if text, err := json.Marshal(d); err == nil { // which only a date beyond the year 9999 could keep from working
		_ = json.Unmarshal(text, &out)
	}
	return out
}

// Group is a request's group: none means the default one.
func Group(name *string) string {
	if name == nil {
		return DefaultGroup
	}
	return *name
}

// Check is what Settle checks of a definition but for its timetable. Its errors are *[Invalid].
func Check(in *Definition) error {
	if err := checkMembers(in); err != nil {
		return err
	}
	return checkRest(in)
}

// checkMembers looks at each member on its own.
func checkMembers(in *Definition) error {
	c := &Checks{}
	c.Name(in.Name, "name")
	c.OptionalName(in.GroupName, "groupName")
	c.Token(in.ClientToken)
	c.Text(in.Description, "description", 0, 512, "")
	c.Text(in.KmsKeyArn, "kmsKeyArn", 1, 2048, kmsPattern)
	c.Text(in.ScheduleExpressionTimezone, "scheduleExpressionTimezone", 1, 50, "")
	OneOf(c, in.State, "state", in.State.Values())
	OneOf(c, in.ActionAfterCompletion, "actionAfterCompletion", in.ActionAfterCompletion.Values())
	if c.Required(in.ScheduleExpression != nil, "scheduleExpression") {
		c.Text(in.ScheduleExpression, "scheduleExpression", 1, 256, "")
	}
	if w := in.FlexibleTimeWindow; c.Required(w != nil, "flexibleTimeWindow") {
		c.Required(w.Mode != "", "flexibleTimeWindow.mode")
		OneOf(c, w.Mode, "flexibleTimeWindow.mode", w.Mode.Values())
		c.Number(w.MaximumWindowInMinutes, "flexibleTimeWindow.maximumWindowInMinutes", 1, maxWindowMinutes)
	}
	if t := in.Target; c.Required(t != nil, "target") {
		if c.Required(t.Arn != nil, "target.arn") {
			c.Text(t.Arn, "target.arn", 1, 1600, "")
		}
		if c.Required(t.RoleArn != nil, "target.roleArn") {
			c.Text(t.RoleArn, "target.roleArn", 1, 1600, rolePattern)
		}
		c.Text(t.Input, "target.input", 1, 1<<30, "")
		if p := t.RetryPolicy; p != nil {
			c.Number(p.MaximumEventAgeInSeconds, "target.retryPolicy.maximumEventAgeInSeconds", minEventAge, maxEventAge)
			c.Number(p.MaximumRetryAttempts, "target.retryPolicy.maximumRetryAttempts", 0, maxRetries)
		}
		if d := t.DeadLetterConfig; d != nil {
			c.Text(d.Arn, "target.deadLetterConfig.arn", 1, 1600, queuePattern)
		}
		if p := t.SqsParameters; p != nil {
			c.Text(p.MessageGroupId, "target.sqsParameters.messageGroupId", 1, 128, "")
		}
	}
	c.date(in.StartDate, "startDate")
	c.date(in.EndDate, "endDate")
	return c.Err()
}

// checkRest looks at what goes together, and at whether the target is one that can be fired at.
func checkRest(in *Definition) error {
	window := in.FlexibleTimeWindow
	switch flexible := window.Mode == types.FlexibleTimeWindowModeFlexible; {
	case flexible && window.MaximumWindowInMinutes == nil:
		return invalid("MaximumWindowInMinutes must be specified when the FlexibleTimeWindow mode is FLEXIBLE.")
	case !flexible && window.MaximumWindowInMinutes != nil:
		return invalid("MaximumWindowInMinutes must not be specified when the FlexibleTimeWindow mode is OFF.")
	}
	return checkTarget(in.Target)
}

// NewTiming reads when a schedule fires. created is what a rate counts from that has no StartDate.
func NewTiming(in *Definition, created time.Time) (*Timing, error) {
	t := &Timing{
		name: aws.ToString(in.Name), start: aws.ToTime(in.StartDate), end: aws.ToTime(in.EndDate), created: created.Truncate(time.Second),
	}
	if p := in.Target.RetryPolicy; p != nil {
		t.retries = int(aws.ToInt32(p.MaximumRetryAttempts))
		t.age = time.Duration(aws.ToInt32(p.MaximumEventAgeInSeconds)) * time.Second
	}
	if w := in.FlexibleTimeWindow; w != nil {
		t.window = time.Duration(aws.ToInt32(w.MaximumWindowInMinutes)) * time.Minute
	}
	t.paused = in.State == types.ScheduleStateDisabled
	var err error
	if t.expr, err = schedexpr.Parse(aws.ToString(in.ScheduleExpression)); err != nil {
		var syntax *schedexpr.SyntaxError
		if errors.As(err, &syntax) {
			return nil, &Invalid{Message: syntax.Message(), Reason: syntax.Reason}
		}
		return nil, err
	}
	zone := aws.ToString(in.ScheduleExpressionTimezone)
	if t.zone, err = time.LoadLocation(zone); err != nil || strings.EqualFold(zone, "Local") {
		return nil, invalid("The time zone %s is not in the time zone database of the IANA.", zone)
	}
	return t, nil
}
