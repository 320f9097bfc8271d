package schedules

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coretasks/core/internal/awsclient"
)

var (
	// ErrNoRole says that there is no role for EventBridge to act in.
	ErrNoRole = errors.New("no execution role: EventBridge Scheduler needs one that it may assume and that may sqs:SendMessage to the queues; " +
		"name it with --scheduler-role-arn or CORE_SCHEDULER_ROLE_ARN")
	// ErrDenied says that the credentials lack a permission, which the error names.
	ErrDenied = errors.New("access denied")
	// ErrUnreachable says that the endpoint did not take the request.
	ErrUnreachable = errors.New("EventBridge Scheduler can't be reached")
	// ErrNotPeriodic says that a task has no schedule.
	ErrNotPeriodic = errors.New("the task is not periodic")
	// ErrNotApplied says that a task's schedules are not in EventBridge.
	ErrNotApplied = errors.New("its schedule does not exist; create it with 'core schedules apply'")
	// ErrUnstable says that other changes came between each time.
	ErrUnstable = errors.New("somebody else changes the same schedules; try again when that is done")
)

// An Error says what could not be done with which schedule or group. Unwrap gives the cause: one of this package's errors,
// or the SDK's.
type Error struct {
	// Op is what was tried: "create", "read", "update", "delete", "list".
	Op string
	// Schedule is empty where it is about the group.
	Schedule string
	Group    string
	Err      error
}

func (e *Error) Error() string {
	if e.Schedule == "" {
		return fmt.Sprintf("%s schedule group %q: %v", e.Op, e.Group, e.Err)
	}
	return fmt.Sprintf("%s schedule %q in group %q: %v", e.Op, e.Schedule, e.Group, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// A ForeignGroupError says that a schedule group is not this application's, and is left alone.
type ForeignGroupError struct {
	Group string
	// Owner is the application that the group's tag names, or empty where it has none.
	Owner string
	// OwnerModule is the module that the group's tag names, or empty where it has none.
	OwnerModule string
	// Application and Module are this one's.
	Application, Module string
}

func (e *ForeignGroupError) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("schedule group %q has no tag %s, so it may be somebody else's; tag it %s=%s to hand it over, or choose another name with --application",
			e.Group, OwnerTag, OwnerTag, e.Application)
	}
	if e.Owner == e.Application {
		return fmt.Sprintf("schedule group %q belongs to the module %s, and this program is of the module %s, with the same name; choose another name with --application "+
			"(or this one, %s, if the two define the same tasks), or another --queue-prefix", e.Group, e.OwnerModule, e.Module, e.Application)
	}
	return fmt.Sprintf("schedule group %q belongs to the application %q, and this is %q; choose another name with --application, or another --queue-prefix",
		e.Group, e.Owner, e.Application)
}

// A stoppedError says that the caller's time was up while a request was being repeated, and why it was.
type stoppedError struct{ cause, last error }

func (e *stoppedError) Error() string {
	return fmt.Sprintf("%v; the last answer was: %v", e.cause, explain("", e.last))
}

func (e *stoppedError) Unwrap() []error { return []error{e.cause, e.last} }

// wrap says what failed with which schedule, in this package's own words where it knows the cause. The action is what IAM
// calls the request.
func wrap(op, action, group, schedule string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Group: group, Schedule: schedule, Err: explain(action, err)}
}

// denied finds the action in IAM's message: "... is not authorized to perform: iam:PassRole on resource: ...".
var denied = regexp.MustCompile(`not authorized to perform: ([a-zA-Z0-9-]+:[a-zA-Z0-9]+)`)

func explain(action string, err error) error {
	var (
		api       smithy.APIError
		sending   *smithyhttp.RequestSendError
		operation *smithy.OperationError
		stopped   *stoppedError
	)
	if login := awsclient.Login(err); login != "" {
		return fmt.Errorf("no AWS credentials: log in with '%s' (%w)", login, err)
	}
	switch {
	case errors.As(err, &stopped):
		return stopped
	case errors.As(err, &api) && strings.Contains(api.ErrorCode(), "AccessDenied"):
		if named := denied.FindStringSubmatch(api.ErrorMessage()); named != nil {
			action = named[1]
		}
		if action == "iam:PassRole" {
			return fmt.Errorf("%w: allow iam:PassRole on the execution role (%w)", ErrDenied, api)
		}
		return fmt.Errorf("%w: allow %s on it (%w)", ErrDenied, action, api)
	case roleUnknown(err):
		return fmt.Errorf("EventBridge can't assume the execution role; its trust policy must allow scheduler.amazonaws.com (%w)", api)
	case errors.As(err, &sending) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", ErrUnreachable, sending.Err)
	case errors.As(err, &api):
		return fmt.Errorf("%w", api)
	case errors.As(err, &operation):
		return operation.Err
	}
	return err
}
