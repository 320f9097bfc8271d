package schedules

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

// Config says whose schedules they are, and what they may use.
type Config struct {
	// Prefix is that of the queues; it begins the names of the groups too.
	Prefix string
	// Application names the groups and is the value of their tag [OwnerTag]. See [GroupName] for its limits.
	Application string
	// Module is the path of the program's module, and the value of the groups' tag [ModuleTag]. A group that has another one is
	// refused. Empty, which is for names that somebody chose, and on groups without the tag, there is no such check.
	Module string
	// RoleARN is the role that EventBridge assumes to put messages on the queues and their dead-letter queues. Whoever
	// writes schedules needs iam:PassRole on it.
	RoleARN string
}

// A Manager makes EventBridge's schedules be what the periodic tasks of a program need. It looks at and changes the
// application's own group only. It is safe for concurrent use, also by several processes.
type Manager struct {
	api    API
	queues Queues
	cfg    Config
	group  string
}

var rolePattern = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)

// CheckRole reports, as an error, that a text is neither the ARN of a role nor empty.
func CheckRole(arn string) error {
	if arn != "" && !rolePattern.MatchString(arn) {
		return fmt.Errorf("execution role %q is invalid: it must be the ARN of an IAM role, such as "+
			"arn:aws:iam::123456789012:role/scheduler", arn)
	}
	return nil
}

// New returns a manager. Without a role it can look, pause and delete, but neither plan nor apply.
func New(api API, queues Queues, cfg Config) (*Manager, error) {
	group, err := GroupName(cfg.Prefix, cfg.Application)
	if err != nil {
		return nil, err
	}
	if err := CheckRole(cfg.RoleARN); err != nil {
		return nil, err
	}
	return &Manager{api: api, queues: queues, cfg: cfg, group: group}, nil
}

// Group returns the name of the application's schedule group.
func (m *Manager) Group() string { return m.group }

// owned reports whether the group exists. A group that is not the application's is a [*ForeignGroupError].
func owned(ctx context.Context, api API, group string, cfg Config) (bool, error) {
	out, err := call(ctx, func(ctx context.Context) (*scheduler.GetScheduleGroupOutput, error) {
		return api.GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: aws.String(group)})
	})
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, wrap("read", "scheduler:GetScheduleGroup", group, "", err)
	}
	if out.State == types.ScheduleGroupStateDeleting {
		return false, wrap("read", "", group, "", errors.New("it is being deleted, with all its schedules; try again in some minutes"))
	}
	tags, err := call(ctx, func(ctx context.Context) (*scheduler.ListTagsForResourceOutput, error) {
		return api.ListTagsForResource(ctx, &scheduler.ListTagsForResourceInput{ResourceArn: out.Arn})
	})
	if err != nil {
		return false, wrap("read", "scheduler:ListTagsForResource", group, "", err)
	}
	owner, module := "", ""
	for _, tag := range tags.Tags {
		switch aws.ToString(tag.Key) {
		case OwnerTag:
			owner = aws.ToString(tag.Value)
		case ModuleTag:
			module = aws.ToString(tag.Value)
		}
	}
	if owner != cfg.Application || cfg.Module != "" && module != "" && module != cfg.Module {
		return false, &ForeignGroupError{Group: group, Owner: owner, OwnerModule: module, Application: cfg.Application, Module: cfg.Module}
	}
	return true, nil
}

// makeGroup creates the group, unless somebody else just has: then it must be this application's.
func makeGroup(ctx context.Context, api API, group string, cfg Config) error {
	in := &scheduler.CreateScheduleGroupInput{
		Name: aws.String(group), ClientToken: token(),
		Tags: []types.Tag{{Key: aws.String(OwnerTag), Value: aws.String(cfg.Application)}},
	}
	if cfg.Module != "" {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(ModuleTag), Value: aws.String(cfg.Module)})
	}
	_, err := call(ctx, func(ctx context.Context) (*scheduler.CreateScheduleGroupOutput, error) {
		return api.CreateScheduleGroup(ctx, in)
	})
	if taken(err) {
		_, err := owned(ctx, api, group, cfg)
		return err
	}
	return wrap("create", "scheduler:CreateScheduleGroup", group, "", err)
}

// list returns the names of the schedules in the group.
func (m *Manager) list(ctx context.Context) ([]string, error) {
	var names []string
	in := &scheduler.ListSchedulesInput{GroupName: aws.String(m.group)}
	for {
		out, err := call(ctx, func(ctx context.Context) (*scheduler.ListSchedulesOutput, error) { return m.api.ListSchedules(ctx, in) })
		if err != nil {
			return nil, wrap("list", "scheduler:ListSchedules", m.group, "", err)
		}
		for _, s := range out.Schedules {
			names = append(names, aws.ToString(s.Name))
		}
		if out.NextToken == nil {
			return names, nil
		}
		in.NextToken = out.NextToken
	}
}

// get returns a schedule, or nil where there is none.
func (m *Manager) get(ctx context.Context, name string) (*scheduler.GetScheduleOutput, error) {
	out, err := call(ctx, func(ctx context.Context) (*scheduler.GetScheduleOutput, error) {
		return m.api.GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: aws.String(m.group), Name: aws.String(name)})
	})
	if missing(err) {
		return nil, nil //nolint:nilnil // that there is none is an answer
	}
	return out, wrap("read", "scheduler:GetSchedule", m.group, name, err)
}

// optional is a time where it is set.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
