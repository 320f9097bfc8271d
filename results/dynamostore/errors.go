package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/coretasks/core/internal/awsclient"
)

// What can be wrong with a table; errors.Is finds them in a [*TableError].
var (
	// ErrNoTable means that there is no such table in this account and region.
	ErrNoTable = errors.New("no such table")
	// ErrDenied means that the credentials may not do what was asked.
	ErrDenied = errors.New("access denied")
	// ErrThrottled means that DynamoDB refused requests for longer than the client retried them.
	ErrThrottled = errors.New("throttled")
	// ErrSchema means that the table or its index are not those that job records need.
	ErrSchema = errors.New("not a table of job records")
	// ErrKeepsAll means that the table's time to live is off.
	ErrKeepsAll = errors.New("expired records are not deleted")
)

// A TableError says what is wrong with a table and what to do about it.
type TableError struct {
	// Table is the table, Action the IAM action of the request, such as "dynamodb:UpdateItem".
	Table, Action string
	// Reason is one sentence for people.
	Reason string
	// Err is one of the errors above with DynamoDB's own, or only that.
	Err error
}

// Error names the table, the reason and the error below.
func (e *TableError) Error() string {
	return fmt.Sprintf("results table %q: %s (%s: %v)", e.Table, e.Reason, e.Action, e.Err)
}

// Unwrap gives the error below.
func (e *TableError) Unwrap() error { return e.Err }

// explain makes a TableError of what DynamoDB answers. The end of a caller's context stays what it is.
func (s *Store) explain(err error, operation string) error {
	if err == nil {
		return nil
	}
	action := "dynamodb:" + operation
	table := func(reason string, sentinel error) error {
		return &TableError{Table: s.table, Action: action, Reason: reason, Err: errors.Join(sentinel, err)}
	}
	if login := awsclient.Login(err); login != "" {
		return table("there are no AWS credentials; log in with '"+login+"'", nil)
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return table("it can't be reached or read", nil)
	}
	switch api.ErrorCode() {
	case "ResourceNotFoundException":
		return table("there is no such table in this account and region; create it with 'core results apply', or name another", ErrNoTable)
	case "AccessDeniedException":
		on := "the table"
		if operation == "Query" {
			on = "the table's index " + indexName
		}
		return table("the credentials lack "+action+" on "+on, ErrDenied)
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return table("DynamoDB throttles requests; an on-demand table doubles its capacity by itself within 30 minutes", ErrThrottled)
	case "ValidationException":
		return table("DynamoDB refuses the request; if another program made this table, name another", ErrSchema)
	}
	return table("the request failed", nil)
}
