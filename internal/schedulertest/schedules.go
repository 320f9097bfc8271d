package schedulertest

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/internal/conformance"
)

var scheduleTests = []func(*check){
	scheduleIsKept, defaultsAreFilledIn, updateReplacesEverything, updateOfNothing, createTwice, createAgainWithToken, deleteSchedule,
	listPages, listFilters, schedulesOfGroupsAreApart, anUnknownGroup,
}

func scheduleIsKept(c *check) {
	group, _ := c.group()
	in := never(group)
	in.Description, in.ScheduleExpressionTimezone = aws.String("what it does"), aws.String("America/Sao_Paulo")
	in.State, in.ActionAfterCompletion = types.ScheduleStateDisabled, types.ActionAfterCompletionDelete
	in.StartDate = aws.Time(time.Now().Add(time.Hour).Truncate(time.Second))
	in.EndDate = aws.Time(time.Now().Add(2 * time.Hour).Truncate(time.Second))
	in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(15)}
	in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(3), MaximumEventAgeInSeconds: aws.Int32(60)}
	in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(nobodyQueue)}
	in.Target.SqsParameters = &types.SqsParameters{MessageGroupId: aws.String("tenant")}
	c.create(in)
	got := c.get(in)
	same(c, "Name", *got.Name, *in.Name)
	same(c, "GroupName", *got.GroupName, group)
	same(c, "Description", aws.ToString(got.Description), "what it does")
	same(c, "ScheduleExpression", *got.ScheduleExpression, *in.ScheduleExpression)
	same(c, "ScheduleExpressionTimezone", aws.ToString(got.ScheduleExpressionTimezone), "America/Sao_Paulo")
	same(c, "State", got.State, in.State)
	same(c, "ActionAfterCompletion", got.ActionAfterCompletion, in.ActionAfterCompletion)
	same(c, "StartDate", aws.ToTime(got.StartDate).Unix(), in.StartDate.Unix())
	same(c, "EndDate", aws.ToTime(got.EndDate).Unix(), in.EndDate.Unix())
	same(c, "FlexibleTimeWindow.Mode", got.FlexibleTimeWindow.Mode, in.FlexibleTimeWindow.Mode)
	same(c, "MaximumWindowInMinutes", aws.ToInt32(got.FlexibleTimeWindow.MaximumWindowInMinutes), 15)
	same(c, "Target.Arn", *got.Target.Arn, nobodyQueue)
	same(c, "Target.Input", aws.ToString(got.Target.Input), "hello")
	if got.Target.RetryPolicy == nil || got.Target.DeadLetterConfig == nil || got.Target.SqsParameters == nil {
		c.Fatalf("the target is %+v", got.Target)
	}
	same(c, "MaximumRetryAttempts", aws.ToInt32(got.Target.RetryPolicy.MaximumRetryAttempts), 3)
	same(c, "MaximumEventAgeInSeconds", aws.ToInt32(got.Target.RetryPolicy.MaximumEventAgeInSeconds), 60)
	same(c, "DeadLetterConfig.Arn", aws.ToString(got.Target.DeadLetterConfig.Arn), nobodyQueue)
	same(c, "MessageGroupId", aws.ToString(got.Target.SqsParameters.MessageGroupId), "tenant")
	if age := time.Since(aws.ToTime(got.CreationDate)); age < -time.Minute || age > time.Hour {
		c.Errorf("CreationDate is %v", got.CreationDate)
	}
}

func defaultsAreFilledIn(c *check) {
	group, _ := c.group()
	in := never(group)
	c.create(in)
	got := c.get(in)
	same(c, "State", got.State, types.ScheduleStateEnabled)
	same(c, "ScheduleExpressionTimezone", aws.ToString(got.ScheduleExpressionTimezone), "UTC")
	same(c, "ActionAfterCompletion", got.ActionAfterCompletion, types.ActionAfterCompletionNone)
	if got.Target.RetryPolicy == nil {
		c.Fatalf("the target has no RetryPolicy")
	}
	same(c, "MaximumRetryAttempts", aws.ToInt32(got.Target.RetryPolicy.MaximumRetryAttempts), 185)
	same(c, "MaximumEventAgeInSeconds", aws.ToInt32(got.Target.RetryPolicy.MaximumEventAgeInSeconds), 86_400)
}

func updateReplacesEverything(c *check) {
	group, _ := c.group()
	in := never(group)
	in.Description, in.State = aws.String("gone after the update"), types.ScheduleStateDisabled
	in.ScheduleExpressionTimezone = aws.String("Europe/Rome")
	c.create(in)
	created := c.get(in).CreationDate
	next := never(group)
	_, err := c.API.UpdateSchedule(c.Ctx, &scheduler.UpdateScheduleInput{
		Name: in.Name, GroupName: &group, ScheduleExpression: aws.String("rate(36500 days)"), FlexibleTimeWindow: next.FlexibleTimeWindow,
		Target: next.Target, StartDate: aws.Time(time.Now().AddDate(50, 0, 0)),
	})
	c.OK(err, "UpdateSchedule")
	got := c.get(in)
	same(c, "Description", aws.ToString(got.Description), "")
	same(c, "State", got.State, types.ScheduleStateEnabled)
	same(c, "ScheduleExpression", *got.ScheduleExpression, "rate(36500 days)")
	same(c, "ScheduleExpressionTimezone", aws.ToString(got.ScheduleExpressionTimezone), "UTC")
	same(c, "CreationDate", aws.ToTime(got.CreationDate), aws.ToTime(created))
}

func updateOfNothing(c *check) {
	group, _ := c.group()
	in := scheduler.UpdateScheduleInput(*never(group))
	_, err := c.API.UpdateSchedule(c.Ctx, &in)
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "UpdateSchedule of a schedule that is not there")
}

func createTwice(c *check) {
	group, _ := c.group()
	in := never(group)
	c.create(in)
	in.ClientToken = nil // the SDK's client has put one there
	_, err := c.API.CreateSchedule(c.Ctx, in)
	conformance.WantError[*types.ConflictException](c.Case, err, "the second CreateSchedule")
}

func createAgainWithToken(c *check) {
	group, _ := c.group()
	in := never(group)
	in.ClientToken = aws.String(newName())
	c.create(in)
	c.create(in) // the same request again, as when its answer was lost
	in.Description = aws.String("another")
	_, err := c.API.CreateSchedule(c.Ctx, in)
	c.Refused(err, "CreateSchedule with the same token and other content", "Conflict")
}

func deleteSchedule(c *check) {
	group, _ := c.group()
	in := never(group)
	c.create(in)
	del := &scheduler.DeleteScheduleInput{Name: in.Name, GroupName: &group}
	_, err := c.API.DeleteSchedule(c.Ctx, del)
	c.OK(err, "DeleteSchedule")
	_, err = c.API.GetSchedule(c.Ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: &group})
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "GetSchedule of what was deleted")
	del.ClientToken = nil // each deletion is a request of its own
	_, err = c.API.DeleteSchedule(c.Ctx, del)
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "the second DeleteSchedule")
}

func listPages(c *check) {
	group, _ := c.group()
	var want []string
	for range 5 {
		in := never(group)
		c.create(in)
		want = append(want, *in.Name)
	}
	slices.Sort(want)
	var got []string
	pages := 0
	for p := scheduler.NewListSchedulesPaginator(c.API, &scheduler.ListSchedulesInput{GroupName: &group, MaxResults: aws.Int32(2)}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(c.Ctx)
		c.OK(err, "ListSchedules")
		if len(page.Schedules) > 2 {
			c.Errorf("a page of %d, MaxResults is 2", len(page.Schedules))
		}
		for _, s := range page.Schedules {
			got = append(got, *s.Name)
			same(c, "GroupName", *s.GroupName, group)
			same(c, "Target.Arn", *s.Target.Arn, nobodyQueue)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || pages < 3 {
		c.Errorf("%d pages list %v, want %v", pages, got, want)
	}
}

func listFilters(c *check) {
	group, _ := c.group()
	create := func(name string, state types.ScheduleState) {
		in := never(group)
		in.Name, in.State = &name, state
		c.create(in)
	}
	create("tick-a", types.ScheduleStateEnabled)
	create("tick-b", types.ScheduleStateDisabled)
	create("tock", types.ScheduleStateEnabled)
	for name, test := range map[string]struct {
		in   scheduler.ListSchedulesInput
		want []string
	}{
		"by prefix": {scheduler.ListSchedulesInput{NamePrefix: aws.String("tick-")}, []string{"tick-a", "tick-b"}},
		"by state":  {scheduler.ListSchedulesInput{State: types.ScheduleStateEnabled}, []string{"tick-a", "tock"}},
		"by both":   {scheduler.ListSchedulesInput{NamePrefix: aws.String("tick-"), State: types.ScheduleStateDisabled}, []string{"tick-b"}},
		"none":      {scheduler.ListSchedulesInput{NamePrefix: aws.String("x")}, nil},
	} {
		c.in(name, func(c *check) {
			test.in.GroupName = &group
			out, err := c.API.ListSchedules(c.Ctx, &test.in)
			c.OK(err, "ListSchedules")
			var got []string
			for _, s := range out.Schedules {
				got = append(got, *s.Name)
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				c.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func schedulesOfGroupsAreApart(c *check) {
	one, _ := c.group()
	two, _ := c.group()
	in := never(one)
	c.create(in)
	in.GroupName, in.ClientToken = &two, nil
	c.create(in)
	_, err := c.API.DeleteSchedule(c.Ctx, &scheduler.DeleteScheduleInput{Name: in.Name, GroupName: &one})
	c.OK(err, "DeleteSchedule")
	c.get(in)
	_, err = c.API.GetSchedule(c.Ctx, &scheduler.GetScheduleInput{Name: in.Name})
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "GetSchedule without the group")
}

func anUnknownGroup(c *check) {
	_, err := c.API.CreateSchedule(c.Ctx, never(newName()))
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "CreateSchedule in a group that is not there")
}
