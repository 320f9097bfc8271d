package schedulertest

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

var refusalTests = []func(*check){refused, refusedExpressions, refusedTwice, refusedTwiceAtUpdate}

// refused lists requests that the reference does not allow; none may leave a schedule behind.
func refused(c *check) {
	for name, change := range map[string]func(*scheduler.CreateScheduleInput){
		"a name with a space": func(in *scheduler.CreateScheduleInput) { in.Name = aws.String("a b") },
		"a name of 65":        func(in *scheduler.CreateScheduleInput) { in.Name = aws.String(strings.Repeat("n", 65)) },
		"a time zone":         func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Mars/Olympus") },
		"a state":             func(in *scheduler.CreateScheduleInput) { in.State = "PAUSED" },
		"a role":              func(in *scheduler.CreateScheduleInput) { in.Target.RoleArn = aws.String("me") },
		"a target":            func(in *scheduler.CreateScheduleInput) { in.Target.Arn = aws.String("nobody") },
		"a window of nothing": func(in *scheduler.CreateScheduleInput) {
			in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible
		},
		"an old start": func(in *scheduler.CreateScheduleInput) { in.StartDate = aws.Time(time.Now().Add(-6 * time.Minute)) },
		"186 retries": func(in *scheduler.CreateScheduleInput) {
			in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186)}
		},
		"an age of 59 seconds": func(in *scheduler.CreateScheduleInput) {
			in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(59)}
		},
		"a request without its members": func(in *scheduler.CreateScheduleInput) {
			in.Target.Arn, in.Target.Input = aws.String("arn:aws:scheduler:::aws-sdk:sqs:sendMessage"), aws.String(`{"queueUrl":"q"}`)
		},
	} {
		c.in(name, func(c *check) {
			group, _ := c.group()
			in := never(group)
			in.ScheduleExpression = aws.String("cron(0 0 1 1 ? *)") // for a start date to matter
			change(in)
			_, err := c.API.CreateSchedule(c.Ctx, in)
			c.Refused(err, "CreateSchedule", "Validation")
			out, err := c.API.ListSchedules(c.Ctx, &scheduler.ListSchedulesInput{GroupName: &group})
			c.OK(err, "ListSchedules")
			if len(out.Schedules) > 0 {
				c.Errorf("the schedule is there all the same")
			}
		})
	}
}

// refusedExpressions: the service's text is always the same, with the expression as it was given.
func refusedExpressions(c *check) {
	for _, expression := range []string{
		"every day", "cron(0 0 * * *)", "cron(0 0 * * * *)", "cron(60 0 * * ? *)", "cron(0 24 * * ? *)", "cron(0 0 ? * 8 *)",
		"cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 1 1 ? 2200)", "rate(0 minutes)", "rate(5 seconds)", "at(2030-02-30T00:00:00)", "at(2030-01-01)",
		"rate( 10 minutes )", " rate(10 minutes)", "rate(10 minutes) ", "rate(10  minutes)", "cron( 0 0 * * ? *)", "cron(0 0 * * ? * )",
		" cron(0 0 * * ? *)", "at( 2030-01-01T00:00:00)", "at(2030-01-01T00:00:00 )", "at(2030-01-01T00:00:00) ",
		"cron()", "cron(INVALID)", "cron(0 dummy ? * MON-FRI *)", "rate()", "rate(10)", "rate(10 minutess)", "rate(-10 minutes)", "rate(10 years)",
		"at(2021-12-31T23:59:59Z)",
	} {
		c.in(strings.ReplaceAll(expression, "/", ":"), func(c *check) {
			group, _ := c.group()
			in := never(group)
			in.ScheduleExpression = &expression
			_, err := c.API.CreateSchedule(c.Ctx, in)
			c.invalidExpression(err, expression)
		})
	}
}

// invalidExpression checks that a call was refused for its expression.
func (c *check) invalidExpression(err error, expression string) {
	c.Helper()
	want := "Invalid Schedule Expression " + expression + "."
	var invalid *types.ValidationException
	if !errors.As(err, &invalid) || invalid.ErrorMessage() != want {
		c.Errorf("got %v, want a ValidationException: %s", err, want)
	}
}

// twice are faults beside that of an expression.
var twice = map[string]func(*scheduler.CreateScheduleInput){
	"a function that is not there": func(in *scheduler.CreateScheduleInput) {
		in.Target.Arn = aws.String("arn:aws:lambda:us-east-1:000000000000:function:dummy")
		in.FlexibleTimeWindow.Mode, in.FlexibleTimeWindow.MaximumWindowInMinutes = types.FlexibleTimeWindowModeFlexible, aws.Int32(4)
	},
	"no ARN": func(in *scheduler.CreateScheduleInput) { in.Target.Arn = aws.String("nobody") },
	"a request without its members": func(in *scheduler.CreateScheduleInput) {
		in.Target.Arn, in.Target.Input = aws.String("arn:aws:scheduler:::aws-sdk:sqs:sendMessage"), aws.String(`{}`)
	},
	"a window of nothing": func(in *scheduler.CreateScheduleInput) {
		in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible
	},
	"a time zone": func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Mars/Olympus") },
	"an old start": func(in *scheduler.CreateScheduleInput) {
		in.StartDate, in.EndDate = aws.Time(time.Now().AddDate(-1, 0, 0)), aws.Time(time.Now().AddDate(-2, 0, 0))
	},
}

// refusedTwice: of several faults the expression's is told.
func refusedTwice(c *check) {
	for name, change := range twice {
		c.in(name, func(c *check) {
			group, _ := c.group()
			in := never(group)
			change(in)
			in.ScheduleExpression = aws.String("rate(10 seconds)")
			_, err := c.API.CreateSchedule(c.Ctx, in)
			c.invalidExpression(err, "rate(10 seconds)")
		})
	}
}

// refusedTwiceAtUpdate is the same for UpdateSchedule.
func refusedTwiceAtUpdate(c *check) {
	group, _ := c.group()
	for _, change := range twice {
		in := never(group)
		c.create(in)
		change(in)
		in.ScheduleExpression = aws.String("cron(0 0 * * *)")
		update := scheduler.UpdateScheduleInput(*in)
		_, err := c.API.UpdateSchedule(c.Ctx, &update)
		c.invalidExpression(err, "cron(0 0 * * *)")
	}
}
