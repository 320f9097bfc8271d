package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/emulator/internal/schedule"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func definition(expression string) schedule.Definition {
	return schedule.Definition{
		Name: aws.String("tick"), ScheduleExpression: &expression,
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{
			Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:jobs"), RoleArn: aws.String("arn:aws:iam::000000000000:role/r"),
		},
	}
}

func settle(t *testing.T, d schedule.Definition) *schedule.Timing {
	t.Helper()
	_, timing, err := schedule.Settle(d, midnight)
	if err != nil {
		t.Fatal(err)
	}
	return timing
}

// due takes the firings that are due out of a progress.
func due(timing *schedule.Timing, p *schedule.Progress, now time.Time) (scheduled []time.Time) {
	next, _ := timing.Advance(*p, now)
	for _, f := range next.Pending {
		scheduled = append(scheduled, f.Scheduled)
	}
	next.Pending = nil
	*p = next
	return scheduled
}

// The clock of a laptop is set now and then. Whatever it does, no instant fires twice.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"rate(1 minute)", "cron(* * * * ? *)"} {
		timing := settle(t, definition(expression))
		p := timing.Begin(midnight)
		fired := map[time.Time]int{}
		for _, minute := range []int{0, 1, 2, 3, 1, 2, 3, 4, 10, 9, 10, 11, 5, 12} {
			for _, at := range due(timing, &p, midnight.Add(time.Duration(minute)*time.Minute)) {
				fired[at]++
			}
		}
		for at, n := range fired {
			if n != 1 {
				t.Errorf("%s: %v fired %d times", expression, at, n)
			}
		}
		for _, minute := range []int{1, 2, 3, 4, 10, 11, 12} {
			if fired[midnight.Add(time.Duration(minute)*time.Minute)] != 1 {
				t.Errorf("%s: minute %d did not fire", expression, minute)
			}
		}
	}
}

// A year of downtime is caught up with at once, and with one firing.
func TestLongDowntime(t *testing.T) {
	t.Parallel()
	timing := settle(t, definition("rate(1 minute)"))
	later := midnight.AddDate(1, 0, 0)
	p, missed := timing.Advance(timing.Begin(midnight), later)
	if len(p.Pending) != 1 || !p.Pending[0].Scheduled.Equal(later) || !missed {
		t.Errorf("pending %v, missed %t", p.Pending, missed)
	}
	if wake := timing.Wake(schedule.Progress{UpTo: p.UpTo}); !wake.Equal(later.Add(time.Minute)) {
		t.Errorf("the next is at %v", wake)
	}
}

func TestRetriesTakeADay(t *testing.T) {
	t.Parallel()
	timing := settle(t, definition("rate(1 minute)"))
	f := schedule.Firing{Since: midnight, Next: midnight}
	for exhausted := ""; exhausted == ""; {
		now := f.Next
		if f, exhausted = timing.Failed(f, now); exhausted == "" && !f.Next.After(now) {
			t.Fatalf("the attempt after %v is at %v", now, f.Next)
		}
	}
	if f.Attempts < 150 || f.Next.Sub(midnight) < 23*time.Hour {
		t.Errorf("given up after %d attempts and %v", f.Attempts, f.Next.Sub(midnight))
	}
}

func TestSettleFillsIn(t *testing.T) {
	t.Parallel()
	in := definition("rate(1 minute)")
	in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(3)}
	out, _, err := schedule.Settle(in, midnight)
	if err != nil {
		t.Fatal(err)
	}
	if *out.GroupName != "default" || *out.ScheduleExpressionTimezone != "UTC" || out.State != types.ScheduleStateEnabled ||
		out.ActionAfterCompletion != types.ActionAfterCompletionNone || *out.Target.RetryPolicy.MaximumRetryAttempts != 3 ||
		*out.Target.RetryPolicy.MaximumEventAgeInSeconds != 86_400 {
		t.Errorf("got %+v, %+v", out, out.Target.RetryPolicy)
	}
	*in.Target.Arn = "changed"
	if *out.Target.Arn == "changed" || in.Target.RetryPolicy.MaximumEventAgeInSeconds != nil {
		t.Error("the result shares memory with its input")
	}
}

// Members first, all of them in one text; then the expression; then the rest.
func TestSettleTellsTheFirstFault(t *testing.T) {
	t.Parallel()
	member := func(d *schedule.Definition) { d.Target.RoleArn, d.State = aws.String("me"), "PAUSED" }
	expression := func(d *schedule.Definition) { d.ScheduleExpression = aws.String("rate( 10 minutes )") }
	zone := func(d *schedule.Definition) { d.ScheduleExpressionTimezone = aws.String("Mars/Olympus") }
	dates := func(d *schedule.Definition) { d.StartDate, d.EndDate = &midnight, &midnight }
	window := func(d *schedule.Definition) { d.FlexibleTimeWindow.MaximumWindowInMinutes = aws.Int32(1) }
	target := func(d *schedule.Definition) { d.Target.Arn = aws.String("nobody") }
	faults := []func(*schedule.Definition){member, expression, zone, dates, window, target}
	for i, want := range []string{
		"2 validation errors detected: ", "Invalid Schedule Expression rate( 10 minutes ).", "The time zone Mars/Olympus", "The EndDate",
		"MaximumWindowInMinutes", "Provided Arn",
	} {
		d := definition("rate(1 minute)")
		for _, fault := range faults[i:] {
			fault(&d)
		}
		_, _, err := schedule.Settle(d, midnight)
		invalid, ok := errors.AsType[*schedule.Invalid](err)
		if !ok || !strings.HasPrefix(invalid.Message, want) {
			t.Errorf("%d: got %v, want %q", i, err, want)
		}
		if (i == 1) != (ok && invalid.Reason != "") {
			t.Errorf("%d: the reason is %q", i, invalid.Reason)
		}
	}
}

func TestSettleRefuses(t *testing.T) {
	t.Parallel()
	universal := func(operation, input string) func(*schedule.Definition) {
		return func(d *schedule.Definition) {
			d.Target.Arn, d.Target.Input = aws.String("arn:aws:scheduler:::aws-sdk:"+operation), &input
		}
	}
	for name, test := range map[string]struct {
		change func(*schedule.Definition)
		want   string
	}{
		"no name": {func(d *schedule.Definition) { d.Name = nil },
			"1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		"a long name": {func(d *schedule.Definition) { d.Name = aws.String(strings.Repeat("n", 65)) },
			"Member must have length less than or equal to 64"},
		"two things": {func(d *schedule.Definition) { d.Name, d.GroupName = aws.String(""), aws.String("a b") },
			"2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or " +
				"equal to 1; Value 'a b' at 'groupName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$"},
		"an expression": {func(d *schedule.Definition) { d.ScheduleExpression = aws.String("cron(0 6 * * *)") },
			"Invalid Schedule Expression cron(0 6 * * *)."},
		"a time zone":          {func(d *schedule.Definition) { d.ScheduleExpressionTimezone = aws.String("Mars/Olympus") }, "time zone Mars/Olympus"},
		"the local time zone":  {func(d *schedule.Definition) { d.ScheduleExpressionTimezone = aws.String("Local") }, "time zone Local"},
		"a state":              {func(d *schedule.Definition) { d.State = "PAUSED" }, "Member must satisfy enum value set: [ENABLED DISABLED]"},
		"no target":            {func(d *schedule.Definition) { d.Target = nil }, "'target'"},
		"no role":              {func(d *schedule.Definition) { d.Target.RoleArn = nil }, "'target.roleArn'"},
		"a role that is none":  {func(d *schedule.Definition) { d.Target.RoleArn = aws.String("me") }, "regular expression"},
		"an empty input":       {func(d *schedule.Definition) { d.Target.Input = aws.String("") }, "'target.input'"},
		"a topic":              {func(d *schedule.Definition) { d.Target.Arn = aws.String("arn:aws:sns:us-east-1:000000000000:t") }, "Provided Arn is not in correct format"},
		"half an ARN":          {func(d *schedule.Definition) { d.Target.Arn = aws.String("arn:aws:sqs:jobs") }, "Provided Arn is not in correct format"},
		"another operation":    {universal("sqs:deleteQueue", "{}"), "Provided Arn is not in correct format"},
		"no request":           {universal("sqs:sendMessage", "hello"), "Invalid RequestJson provided"},
		"a request of nothing": {universal("sqs:sendMessage", "null"), "Invalid RequestJson provided"},
		"names in camel case":  {universal("sqs:sendMessage", `{"queueUrl":"q","messageBody":"b"}`), "missing the following field(s): QueueUrl, MessageBody"},
		"a batch of none":      {universal("sqs:sendMessageBatch", `{"QueueUrl":"q"}`), "missing the following field(s): Entries"},
		"too many retries": {func(d *schedule.Definition) {
			d.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186), MaximumEventAgeInSeconds: aws.Int32(59)}
		}, "2 validation errors"},
		"a window without a length": {func(d *schedule.Definition) {
			d.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible}
		}, "MaximumWindowInMinutes must be specified"},
		"no window with a length": {func(d *schedule.Definition) { d.FlexibleTimeWindow.MaximumWindowInMinutes = aws.Int32(1) }, "must not be specified"},
		"a dead-letter queue": {func(d *schedule.Definition) {
			d.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("dead")}
		}, "deadLetterConfig.arn"},
		"an old start":                {func(d *schedule.Definition) { d.StartDate = aws.Time(midnight.Add(-5*time.Minute - time.Second)) }, "The StartDate you specify cannot be earlier than 5 minutes ago."},
		"an end before the start":     {func(d *schedule.Definition) { d.StartDate, d.EndDate = &midnight, &midnight }, "EndDate"},
		"a start nobody can write":    {func(d *schedule.Definition) { d.StartDate = aws.Time(midnight.AddDate(9000, 0, 0)) }, "startDate"},
		"a token":                     {func(d *schedule.Definition) { d.ClientToken = aws.String("a b") }, "clientToken"},
		"a description that is long ": {func(d *schedule.Definition) { d.Description = aws.String(strings.Repeat("d", 513)) }, "description"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := definition("rate(1 minute)")
			test.change(&d)
			_, _, err := schedule.Settle(d, midnight)
			var invalid *schedule.Invalid
			if !errors.As(err, &invalid) || !strings.Contains(invalid.Message, test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}
