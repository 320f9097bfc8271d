package emulator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// Scheduler has the methods of *scheduler.Client and answers as that does: with the SDK's own error types, wrapped in a
// *smithy.OperationError. The functions that change the client's options are accepted and not called.
type Scheduler struct {
	e      *Emulator
	region string
}

// In returns the schedules of another region, which fire into that region's queues. No call makes a schedule or a group in what
// is no region: 1 to 64 of a-z 0-9 -.
func (s *Scheduler) In(region string) *Scheduler { return &Scheduler{e: s.e, region: region} }

func doScheduler[In, Out any](
	ctx context.Context, operation string, in *In, run func(context.Context, *In) (*Out, error),
) (*Out, error) {
	return doFor(ctx, schedulerErrors, operation, in, run)
}

// CreateSchedule creates a schedule, which fires from now on unless its State is DISABLED. Creating it again with the
// same ClientToken and content succeeds and changes nothing.
func (s *Scheduler) CreateSchedule(
	ctx context.Context, in *scheduler.CreateScheduleInput, _ ...func(*scheduler.Options),
) (*scheduler.CreateScheduleOutput, error) {
	return doScheduler(ctx, "CreateSchedule", in, s.createSchedule)
}

// GetSchedule gives a schedule with the values that the service filled in.
func (s *Scheduler) GetSchedule(
	ctx context.Context, in *scheduler.GetScheduleInput, _ ...func(*scheduler.Options),
) (*scheduler.GetScheduleOutput, error) {
	return doScheduler(ctx, "GetSchedule", in, s.getSchedule)
}

// UpdateSchedule replaces a schedule: what the input leaves out goes back to its default.
func (s *Scheduler) UpdateSchedule(
	ctx context.Context, in *scheduler.UpdateScheduleInput, _ ...func(*scheduler.Options),
) (*scheduler.UpdateScheduleOutput, error) {
	return doScheduler(ctx, "UpdateSchedule", in, s.updateSchedule)
}

// DeleteSchedule deletes a schedule; what it was still retrying is dropped.
func (s *Scheduler) DeleteSchedule(
	ctx context.Context, in *scheduler.DeleteScheduleInput, _ ...func(*scheduler.Options),
) (*scheduler.DeleteScheduleOutput, error) {
	return doScheduler(ctx, "DeleteSchedule", in, s.deleteSchedule)
}

// ListSchedules lists schedules by group and name, 100 at a time unless MaxResults says fewer.
func (s *Scheduler) ListSchedules(
	ctx context.Context, in *scheduler.ListSchedulesInput, _ ...func(*scheduler.Options),
) (*scheduler.ListSchedulesOutput, error) {
	return doScheduler(ctx, "ListSchedules", in, s.listSchedules)
}

// CreateScheduleGroup creates a group. Creating it again with the same ClientToken succeeds and changes nothing.
func (s *Scheduler) CreateScheduleGroup(
	ctx context.Context, in *scheduler.CreateScheduleGroupInput, _ ...func(*scheduler.Options),
) (*scheduler.CreateScheduleGroupOutput, error) {
	return doScheduler(ctx, "CreateScheduleGroup", in, s.createScheduleGroup)
}

// GetScheduleGroup gives a group. The group "default" is always there.
func (s *Scheduler) GetScheduleGroup(
	ctx context.Context, in *scheduler.GetScheduleGroupInput, _ ...func(*scheduler.Options),
) (*scheduler.GetScheduleGroupOutput, error) {
	return doScheduler(ctx, "GetScheduleGroup", in, s.getScheduleGroup)
}

// DeleteScheduleGroup deletes a group and its schedules, at once.
func (s *Scheduler) DeleteScheduleGroup(
	ctx context.Context, in *scheduler.DeleteScheduleGroupInput, _ ...func(*scheduler.Options),
) (*scheduler.DeleteScheduleGroupOutput, error) {
	return doScheduler(ctx, "DeleteScheduleGroup", in, s.deleteScheduleGroup)
}

// ListScheduleGroups lists groups by name, 100 at a time unless MaxResults says fewer.
func (s *Scheduler) ListScheduleGroups(
	ctx context.Context, in *scheduler.ListScheduleGroupsInput, _ ...func(*scheduler.Options),
) (*scheduler.ListScheduleGroupsOutput, error) {
	return doScheduler(ctx, "ListScheduleGroups", in, s.listScheduleGroups)
}

// TagResource sets tags of a group, at most 50 in all. Schedules have no tags.
func (s *Scheduler) TagResource(
	ctx context.Context, in *scheduler.TagResourceInput, _ ...func(*scheduler.Options),
) (*scheduler.TagResourceOutput, error) {
	return doScheduler(ctx, "TagResource", in, s.tagResource)
}

// UntagResource takes tags off a group.
func (s *Scheduler) UntagResource(
	ctx context.Context, in *scheduler.UntagResourceInput, _ ...func(*scheduler.Options),
) (*scheduler.UntagResourceOutput, error) {
	return doScheduler(ctx, "UntagResource", in, s.untagResource)
}

// ListTagsForResource gives a group's tags by key.
func (s *Scheduler) ListTagsForResource(
	ctx context.Context, in *scheduler.ListTagsForResourceInput, _ ...func(*scheduler.Options),
) (*scheduler.ListTagsForResourceOutput, error) {
	return doScheduler(ctx, "ListTagsForResource", in, s.listTagsForResource)
}
