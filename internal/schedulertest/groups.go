package schedulertest

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/internal/conformance"
)

var groupTests = []func(*check){
	groupIsKept, groupTwice, groupAgainWithToken, groupTakesItsSchedules, defaultGroup, defaultGroupStays, listGroups, tags, tagsOfNothing, schedulesHaveNoTags,
}

func groupIsKept(c *check) {
	name, arn := c.group()
	out, err := c.API.GetScheduleGroup(c.Ctx, &scheduler.GetScheduleGroupInput{Name: &name})
	c.OK(err, "GetScheduleGroup")
	same(c, "Arn", *out.Arn, arn)
	same(c, "Name", *out.Name, name)
	same(c, "State", out.State, types.ScheduleGroupStateActive)
	if out.CreationDate == nil || out.LastModificationDate == nil {
		c.Errorf("dates %v, %v", out.CreationDate, out.LastModificationDate)
	}
}

func groupTwice(c *check) {
	name, _ := c.group()
	_, err := c.API.CreateScheduleGroup(c.Ctx, &scheduler.CreateScheduleGroupInput{Name: &name})
	conformance.WantError[*types.ConflictException](c.Case, err, "the second CreateScheduleGroup")
}

func groupAgainWithToken(c *check) {
	in := &scheduler.CreateScheduleGroupInput{Name: aws.String(newName()), ClientToken: aws.String(newName())}
	_, err := c.API.CreateScheduleGroup(c.Ctx, in)
	c.OK(err, "CreateScheduleGroup")
	_, err = c.API.CreateScheduleGroup(c.Ctx, in)
	c.OK(err, "the same CreateScheduleGroup again")
	_, err = c.API.DeleteScheduleGroup(c.Ctx, &scheduler.DeleteScheduleGroupInput{Name: in.Name})
	c.OK(err, "DeleteScheduleGroup")
}

func groupTakesItsSchedules(c *check) {
	group, _ := c.group()
	in := never(group)
	c.create(in)
	_, err := c.API.DeleteScheduleGroup(c.Ctx, &scheduler.DeleteScheduleGroupInput{Name: &group})
	c.OK(err, "DeleteScheduleGroup")
	c.Eventually("the schedules of a deleted group are gone", func() bool {
		_, err := c.API.GetSchedule(c.Ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: &group})
		return err != nil
	})
	_, err = c.API.GetScheduleGroup(c.Ctx, &scheduler.GetScheduleGroupInput{Name: &group})
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "GetScheduleGroup of what was deleted")
}

func defaultGroup(c *check) {
	out, err := c.API.GetScheduleGroup(c.Ctx, &scheduler.GetScheduleGroupInput{Name: aws.String("default")})
	c.OK(err, "GetScheduleGroup")
	same(c, "State", out.State, types.ScheduleGroupStateActive)
}

func defaultGroupStays(c *check) {
	_, err := c.API.DeleteScheduleGroup(c.Ctx, &scheduler.DeleteScheduleGroupInput{Name: aws.String("default")})
	c.Refused(err, "DeleteScheduleGroup of the default group", "Validation")
}

func listGroups(c *check) {
	one, _ := c.group()
	two, _ := c.group()
	var got []string
	for p := scheduler.NewListScheduleGroupsPaginator(c.API, &scheduler.ListScheduleGroupsInput{
		NamePrefix: aws.String("conf-"), MaxResults: aws.Int32(1),
	}); p.HasMorePages(); {
		page, err := p.NextPage(c.Ctx)
		c.OK(err, "ListScheduleGroups")
		for _, g := range page.ScheduleGroups {
			got = append(got, *g.Name)
		}
	}
	if !slices.Contains(got, one) || !slices.Contains(got, two) || slices.Contains(got, "default") {
		c.Errorf("got %v, want %s and %s in it, and no other prefix", got, one, two)
	}
}

func tags(c *check) {
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	_, arn := c.group(tag("owner", "me"), tag("env", "test"))
	_, err := c.API.TagResource(c.Ctx, &scheduler.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{tag("env", "prod"), tag("a/b c", "ü")}})
	c.OK(err, "TagResource")
	_, err = c.API.UntagResource(c.Ctx, &scheduler.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"owner", "never there"}})
	c.OK(err, "UntagResource")
	out, err := c.API.ListTagsForResource(c.Ctx, &scheduler.ListTagsForResourceInput{ResourceArn: &arn})
	c.OK(err, "ListTagsForResource")
	got := map[string]string{}
	for _, t := range out.Tags {
		got[*t.Key] = *t.Value
	}
	if len(got) != 2 || got["env"] != "prod" || got["a/b c"] != "ü" {
		c.Errorf("tags %v", got)
	}
}

func tagsOfNothing(c *check) {
	_, arn := c.group()
	arn += "x"
	_, err := c.API.ListTagsForResource(c.Ctx, &scheduler.ListTagsForResourceInput{ResourceArn: &arn})
	conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "ListTagsForResource of a group that is not there")
}

func schedulesHaveNoTags(c *check) {
	group, _ := c.group()
	in := never(group)
	c.create(in)
	_, err := c.API.TagResource(c.Ctx, &scheduler.TagResourceInput{
		ResourceArn: c.get(in).Arn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	})
	conformance.WantError[*types.ValidationException](c.Case, err, "TagResource of a schedule")
}
