package emulator

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/emulator/internal/schedule"
)

// findGroup finds a group; the lock is held.
func (s *Scheduler) findGroup(name *string) (*scheduleGroup, error) {
	if g := s.e.timetable.group(inRegion{s.region, *name}); g != nil {
		return g, nil
	}
	return nil, faultNoGroup(*name)
}

func checkGroupName(name, token *string) error {
	c := &schedule.Checks{}
	c.Name(name, "name")
	c.Token(token)
	return faultInvalid(c.Err())
}

func (s *Scheduler) createScheduleGroup(_ context.Context, in *scheduler.CreateScheduleGroupInput) (*scheduler.CreateScheduleGroupOutput, error) {
	c := &schedule.Checks{}
	c.Name(in.Name, "name")
	c.Token(in.ClientToken)
	checkScheduleTags(c, in.Tags)
	if err := c.Err(); err != nil {
		return nil, faultInvalid(err)
	}
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.checkRegion(); err != nil {
		return nil, err
	}
	now := nowMilli()
	row := groupRow{Region: s.region, Name: *in.Name, Created: now, Modified: now, Tags: tags, Token: aws.ToString(in.ClientToken)}
	err = s.e.update(func(t *tx) error {
		if old := s.e.timetable.group(row.key()); old != nil {
			if row.Token != "" && row.Token == old.Token {
				return nil
			}
			return faultGroupExists(row.Name)
		}
		if len(s.e.timetable.groupsIn(s.region)) >= maxScheduleGroups {
			return faultQuota("schedule groups", maxScheduleGroups)
		}
		t.putGroup(row)
		return nil
	})
	return &scheduler.CreateScheduleGroupOutput{ScheduleGroupArn: aws.String(s.e.groupARN(row.key()))}, err
}

func (s *Scheduler) getScheduleGroup(_ context.Context, in *scheduler.GetScheduleGroupInput) (*scheduler.GetScheduleGroupOutput, error) {
	if err := checkGroupName(in.Name, nil); err != nil {
		return nil, err
	}
	var out *scheduler.GetScheduleGroupOutput
	err := s.e.view(func() error {
		g, err := s.findGroup(in.Name)
		if err != nil {
			return err
		}
		out = &scheduler.GetScheduleGroupOutput{
			Arn: aws.String(s.e.groupARN(g.key())), CreationDate: at(g.Created), LastModificationDate: at(g.Modified),
			Name: aws.String(g.Name), State: types.ScheduleGroupStateActive,
		}
		return nil
	})
	return out, err
}

func (s *Scheduler) deleteScheduleGroup(_ context.Context, in *scheduler.DeleteScheduleGroupInput) (*scheduler.DeleteScheduleGroupOutput, error) {
	if err := checkGroupName(in.Name, in.ClientToken); err != nil {
		return nil, err
	}
	err := s.e.update(func(t *tx) error {
		g, err := s.findGroup(in.Name)
		if err != nil {
			return err
		}
		if g.Name == schedule.DefaultGroup {
			return faultValidation("The default schedule group cannot be deleted.")
		}
		t.deleteGroup(g)
		return nil
	})
	return &scheduler.DeleteScheduleGroupOutput{}, err
}

func (s *Scheduler) listScheduleGroups(_ context.Context, in *scheduler.ListScheduleGroupsInput) (*scheduler.ListScheduleGroupsOutput, error) {
	c := &schedule.Checks{}
	c.OptionalName(in.NamePrefix, "namePrefix")
	c.Page(in.MaxResults, in.NextToken)
	if err := c.Err(); err != nil {
		return nil, faultInvalid(err)
	}
	out := &scheduler.ListScheduleGroupsOutput{}
	err := s.e.view(func() error {
		var found []*scheduleGroup
		for _, g := range s.e.timetable.groupsIn(s.region) {
			if strings.HasPrefix(g.Name, aws.ToString(in.NamePrefix)) {
				found = append(found, g)
			}
		}
		page, next, err := pageOf(found, func(g *scheduleGroup) string { return g.Name }, in.MaxResults, in.NextToken)
		out.NextToken = next
		for _, g := range page {
			out.ScheduleGroups = append(out.ScheduleGroups, types.ScheduleGroupSummary{
				Arn: aws.String(s.e.groupARN(g.key())), CreationDate: at(g.Created), LastModificationDate: at(g.Modified),
				Name: aws.String(g.Name), State: types.ScheduleGroupStateActive,
			})
		}
		return err
	})
	return out, err
}

func checkScheduleTags(c *schedule.Checks, tags []types.Tag) {
	for _, tag := range tags {
		c.Tag(tag.Key, tag.Value)
	}
}

// addTags gives old tags with others on top, which have been checked.
func addTags(old map[string]string, add []types.Tag) (map[string]string, error) {
	tags := maps.Clone(old)
	if tags == nil {
		tags = map[string]string{}
	}
	for _, tag := range add {
		tags[*tag.Key] = *tag.Value
	}
	if len(tags) > maxTags {
		return nil, faultQuota("tags of a schedule group", maxTags)
	}
	return tags, nil
}

// changeTags changes the tags of the group that an ARN names.
func (s *Scheduler) changeTags(arn *string, change func(map[string]string) (map[string]string, error)) error {
	return s.e.update(func(t *tx) error {
		g, err := s.groupByARN(arn)
		if err != nil {
			return err
		}
		row := g.groupRow
		if row.Tags, err = change(row.Tags); err != nil {
			return err
		}
		row.Modified = nowMilli()
		t.putGroup(row)
		return nil
	})
}

// groupByARN finds the group that an ARN names; the lock is held.
func (s *Scheduler) groupByARN(arn *string) (*scheduleGroup, error) {
	if name, ok := strings.CutPrefix(*arn, s.e.groupARN(inRegion{region: s.region})); ok {
		if g := s.e.timetable.group(inRegion{s.region, name}); g != nil {
			return g, nil
		}
	}
	return nil, schedulerFault(resourceNotFound, http.StatusNotFound, "Resource %s does not exist.", *arn)
}

func (s *Scheduler) tagResource(_ context.Context, in *scheduler.TagResourceInput) (*scheduler.TagResourceOutput, error) {
	c := &schedule.Checks{}
	c.GroupARN(in.ResourceArn)
	c.Required(in.Tags != nil, "tags")
	checkScheduleTags(c, in.Tags)
	if err := c.Err(); err != nil {
		return nil, faultInvalid(err)
	}
	return &scheduler.TagResourceOutput{}, s.changeTags(in.ResourceArn, func(tags map[string]string) (map[string]string, error) {
		return addTags(tags, in.Tags)
	})
}

func (s *Scheduler) untagResource(_ context.Context, in *scheduler.UntagResourceInput) (*scheduler.UntagResourceOutput, error) {
	c := &schedule.Checks{}
	c.GroupARN(in.ResourceArn)
	c.Required(in.TagKeys != nil, "tagKeys")
	for _, key := range in.TagKeys {
		c.TagKey(&key)
	}
	if err := c.Err(); err != nil {
		return nil, faultInvalid(err)
	}
	return &scheduler.UntagResourceOutput{}, s.changeTags(in.ResourceArn, func(tags map[string]string) (map[string]string, error) {
		tags = maps.Clone(tags)
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return tags, nil
	})
}

func (s *Scheduler) listTagsForResource(_ context.Context, in *scheduler.ListTagsForResourceInput) (*scheduler.ListTagsForResourceOutput, error) {
	c := &schedule.Checks{}
	c.GroupARN(in.ResourceArn)
	if err := c.Err(); err != nil {
		return nil, faultInvalid(err)
	}
	out := &scheduler.ListTagsForResourceOutput{}
	err := s.e.view(func() error {
		g, err := s.groupByARN(in.ResourceArn)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(g.Tags)) {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(g.Tags[key])})
		}
		return nil
	})
	return out, err
}
