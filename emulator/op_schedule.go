package emulator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/emulator/internal/schedule"
)

// Quotas of an account and region; user guide, "Quotas for Amazon EventBridge Scheduler".
const (
	maxSchedules      = 1_000_000
	maxScheduleGroups = 500
	maxPage           = 100
)

func (s *Scheduler) createSchedule(_ context.Context, in *scheduler.CreateScheduleInput) (*scheduler.CreateScheduleOutput, error) {
	now := time.Now()
	def, timing, invalid := schedule.Settle(*in, now)
	if invalid != nil {
		return nil, s.e.refuse(in.Name, invalid)
	}
	if err := s.checkRegion(); err != nil {
		return nil, err
	}
	one := &scheduleState{
		timing: timing, progress: timing.Begin(now), scheduleRow: scheduleRow{
			Region: s.region, Definition: def, Created: now.UnixMilli(), Modified: now.UnixMilli(), Token: aws.ToString(in.ClientToken),
		},
	}
	one.Definition.ClientToken = nil
	err := s.e.update(func(t *tx) error {
		g := s.e.timetable.group(one.group())
		if g == nil {
			return faultNoGroup(*def.GroupName)
		}
		if old := g.schedules[*def.Name]; old != nil {
			if one.Token != "" && one.Token == old.Token && sameDefinition(&one.Definition, &old.Definition) {
				return nil
			}
			return faultScheduleExists(*def.Name)
		}
		if s.e.timetable.counts[s.region] >= maxSchedules {
			return faultQuota("schedules", maxSchedules)
		}
		one.id = s.e.newID()
		t.addSchedule(one)
		return nil
	})
	return &scheduler.CreateScheduleOutput{ScheduleArn: aws.String(s.e.scheduleARN(one))}, err
}

// checkRegion refuses to make something in a region that is none.
func (s *Scheduler) checkRegion() error {
	if !isRegion(s.region) {
		return faultValidation("The region %q is none.", s.region)
	}
	return nil
}

// sameDefinition compares definitions as the file has them.
func sameDefinition(a, b *schedule.Definition) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// findSchedule finds a schedule; the lock is held.
func (s *Scheduler) findSchedule(group, name *string) (*scheduleState, error) {
	g := s.e.timetable.group(inRegion{s.region, schedule.Group(group)})
	if g == nil {
		return nil, faultNoGroup(schedule.Group(group))
	}
	if one := g.schedules[*name]; one != nil {
		return one, nil
	}
	return nil, faultNoSchedule(*name)
}

func checkScheduleName(group, name, token *string) error {
	c := &schedule.Checks{}
	c.Name(name, "name")
	c.OptionalName(group, "groupName")
	c.Token(token)
	return faultInvalid(c.Err())
}

func (s *Scheduler) getSchedule(_ context.Context, in *scheduler.GetScheduleInput) (*scheduler.GetScheduleOutput, error) {
	if err := checkScheduleName(in.GroupName, in.Name, nil); err != nil {
		return nil, err
	}
	var out *scheduler.GetScheduleOutput
	err := s.e.view(func() error {
		one, err := s.findSchedule(in.GroupName, in.Name)
		if err != nil {
			return err
		}
		d := schedule.Clone(one.Definition)
		out = &scheduler.GetScheduleOutput{
			ActionAfterCompletion: d.ActionAfterCompletion, Arn: aws.String(s.e.scheduleARN(one)),
			CreationDate: at(one.Created), Description: d.Description, EndDate: d.EndDate,
			FlexibleTimeWindow: d.FlexibleTimeWindow, GroupName: d.GroupName, KmsKeyArn: d.KmsKeyArn,
			LastModificationDate: at(one.Modified), Name: d.Name, ScheduleExpression: d.ScheduleExpression,
			ScheduleExpressionTimezone: d.ScheduleExpressionTimezone, StartDate: d.StartDate, State: d.State, Target: d.Target,
		}
		return nil
	})
	return out, err
}

func at(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	return aws.Time(time.UnixMilli(ms).UTC())
}

func (s *Scheduler) updateSchedule(_ context.Context, in *scheduler.UpdateScheduleInput) (*scheduler.UpdateScheduleOutput, error) {
	now := time.Now()
	def, _, invalid := schedule.Settle(schedule.Definition(*in), now)
	if invalid != nil {
		return nil, s.e.refuse(in.Name, invalid)
	}
	def.ClientToken = nil
	out := &scheduler.UpdateScheduleOutput{}
	err := s.e.update(func(t *tx) error {
		one, err := s.findSchedule(def.GroupName, def.Name)
		if err != nil {
			return err
		}
		timing, err := schedule.NewTiming(&def, time.UnixMilli(one.Created))
		if err != nil {
			return faultInvalid(err)
		}
		row := one.scheduleRow
		row.Definition, row.Modified = def, now.UnixMilli()
		t.changeSchedule(one, row, timing, timing.Continue(one.timing, one.progress, now))
		out.ScheduleArn = aws.String(s.e.scheduleARN(one))
		return nil
	})
	return out, err
}

func (s *Scheduler) deleteSchedule(_ context.Context, in *scheduler.DeleteScheduleInput) (*scheduler.DeleteScheduleOutput, error) {
	if err := checkScheduleName(in.GroupName, in.Name, in.ClientToken); err != nil {
		return nil, err
	}
	err := s.e.update(func(t *tx) error {
		one, err := s.findSchedule(in.GroupName, in.Name)
		if err != nil {
			return err
		}
		t.deleteSchedule(one)
		return nil
	})
	return &scheduler.DeleteScheduleOutput{}, err
}

func (s *Scheduler) listSchedules(_ context.Context, in *scheduler.ListSchedulesInput) (*scheduler.ListSchedulesOutput, error) {
	c := &schedule.Checks{}
	c.OptionalName(in.GroupName, "scheduleGroup")
	c.OptionalName(in.NamePrefix, "namePrefix")
	c.Page(in.MaxResults, in.NextToken)
	schedule.OneOf(c, in.State, "state", in.State.Values())
	if err := c.Err(); err != nil {
		return nil, faultInvalid(err)
	}
	out := &scheduler.ListSchedulesOutput{}
	err := s.e.view(func() error {
		groups := s.e.timetable.groupsIn(s.region)
		if in.GroupName != nil {
			g := s.e.timetable.group(inRegion{s.region, *in.GroupName})
			if g == nil {
				return faultNoGroup(*in.GroupName)
			}
			groups = []*scheduleGroup{g}
		}
		var found []*scheduleState
		for _, g := range groups {
			for name, one := range g.schedules {
				if strings.HasPrefix(name, aws.ToString(in.NamePrefix)) && (in.State == "" || in.State == one.Definition.State) {
					found = append(found, one)
				}
			}
		}
		page, next, err := pageOf(found, func(one *scheduleState) string {
			return *one.Definition.GroupName + "/" + *one.Definition.Name
		}, in.MaxResults, in.NextToken)
		out.NextToken = next
		for _, one := range page {
			d := &one.Definition
			out.Schedules = append(out.Schedules, types.ScheduleSummary{
				Arn: aws.String(s.e.scheduleARN(one)), CreationDate: at(one.Created), GroupName: d.GroupName,
				LastModificationDate: at(one.Modified), Name: d.Name, State: d.State, Target: &types.TargetSummary{Arn: d.Target.Arn},
			})
		}
		return err
	})
	return out, err
}

// pageOf gives the part of a listing that follows a token, and the token of the next one.
func pageOf[T any](all []T, key func(T) string, size *int32, token *string) (page []T, next *string, err error) {
	const mark = "after:" // no key begins so: tokens are ours
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	if token != nil {
		text, err := base64.StdEncoding.DecodeString(*token)
		after, ok := strings.CutPrefix(string(text), mark)
		if err != nil || !ok {
			return nil, nil, faultValidation("Invalid NextToken.")
		}
		i, found := slices.BinarySearchFunc(all, after, func(a T, k string) int { return cmp.Compare(key(a), k) })
		if found {
			i++
		}
		all = all[i:]
	}
	n := maxPage
	if size != nil {
		n = int(*size)
	}
	if len(all) <= n {
		return all, nil, nil
	}
	return all[:n], aws.String(base64.StdEncoding.EncodeToString([]byte(mark + key(all[n-1])))), nil
}
