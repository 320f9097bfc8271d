package schedulertest

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

var refusalTests = []func(*check){refused, refusedExpressions}

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

func refusedExpressions(c *check) {
	for _, expression := range []string{
		"every day", "cron(0 0 * * *)", "cron(0 0 * * * *)", "cron(60 0 * * ? *)", "cron(0 24 * * ? *)", "cron(0 0 ? * 8 *)",
		"cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 1 1 ? 2200)", "rate(0 minutes)", "rate(5 seconds)", "at(2030-02-30T00:00:00)", "at(2030-01-01)",
	} {
		c.in(strings.ReplaceAll(expression, "/", ":"), func(c *check) {
			group, _ := c.group()
			in := never(group)
			in.ScheduleExpression = &expression
			_, err := c.API.CreateSchedule(c.Ctx, in)
			var invalid *types.ValidationException
			if !errors.As(err, &invalid) || !strings.Contains(invalid.ErrorMessage(), "Invalid Schedule Expression "+expression) {
				c.Errorf("got %v, want a ValidationException with \"Invalid Schedule Expression\"", err)
			}
		})
	}
}
