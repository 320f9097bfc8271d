package schedulertest

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/internal/conformance"
)

var regionTests = []func(*check){regionsAreApart, firesInAnotherRegion}

// elsewhere is the test with clients of another region.
func (c *check) elsewhere() *check {
	c.Helper()
	if c.Elsewhere == nil {
		c.Skip("the harness has no clients of another region")
	}
	return &check{c.Case, c.Elsewhere}
}

// region is the fourth part of an ARN.
func region(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) == 6 {
		return parts[3]
	}
	return ""
}

// regionsAreApart: two regions have groups and schedules of the same name that are not the same.
func regionsAreApart(c *check) {
	there := c.elsewhere()
	group, arn := c.group()
	in := never(group)
	c.create(in)
	_, err := there.API.GetScheduleGroup(c.Ctx, &scheduler.GetScheduleGroupInput{Name: &group})
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "GetScheduleGroup of another region")
	out, err := there.API.CreateScheduleGroup(c.Ctx, &scheduler.CreateScheduleGroupInput{Name: &group})
	c.OK(err, "CreateScheduleGroup of the same name in another region")
	if region(arn) == region(*out.ScheduleGroupArn) || region(arn) == "" {
		c.Errorf("one is %s, the other %s", arn, *out.ScheduleGroupArn)
	}
	_, err = there.API.GetSchedule(c.Ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: &group})
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "GetSchedule of another region")
	in.ClientToken, in.Description = nil, aws.String("elsewhere")
	there.create(in)
	same(c, "region", region(*there.get(in).Arn), region(*out.ScheduleGroupArn))
	_, err = there.API.DeleteScheduleGroup(c.Ctx, &scheduler.DeleteScheduleGroupInput{Name: &group})
	c.OK(err, "DeleteScheduleGroup")
	same(c, "Description", aws.ToString(c.get(in).Description), "")
}

func firesInAnotherRegion(c *check) {
	there := c.elsewhere()
	q := there.queue()
	in := there.once(q, soon(), nil)
	same(c, "the body", *q.message().Body, *in.Target.Input)
}
