package emulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// checkARN refuses what is no ARN, such as a queue's name: only a QueueUrl may be one.
func checkARN(arn, parameter string) error {
	if strings.HasPrefix(arn, "arn:") && strings.Count(arn, ":") == 5 {
		return nil
	}
	return faultInvalidParameter("You must use this format to specify the %s: "+
		"arn:<partition>:<service>:<region>:<account-id>:<resource-id>", parameter)
}

func faultNoResource(parameter string) error {
	return faultNotFound("The resource that you specified for the %s parameter doesn't exist.", parameter)
}

func (s *SQS) startMessageMoveTask(
	_ context.Context, in *sqs.StartMessageMoveTaskInput,
) (*sqs.StartMessageMoveTaskOutput, error) {
	source, destination := aws.ToString(in.SourceArn), aws.ToString(in.DestinationArn)
	if source == "" {
		return nil, faultMissing("SourceArn")
	}
	if err := checkARN(source, "SourceArn"); err != nil {
		return nil, err
	}
	if in.DestinationArn != nil {
		if err := checkARN(destination, "DestinationArn"); err != nil {
			return nil, err
		}
	}
	if r := in.MaxNumberOfMessagesPerSecond; r != nil && (*r < 1 || *r > maxMoveRate) {
		return nil, faultValue(*r, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided.")
	}
	var m *moveTask
	err := s.e.update(func(t *tx) error {
		from, err := s.checkMove(source, destination)
		if err != nil {
			return err
		}
		from.advance(nowMilli())
		m = newMoveTask(source, destination, aws.ToInt32(in.MaxNumberOfMessagesPerSecond), len(from.ready))
		t.addMove(m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.e.mu.Lock()
	if !s.e.closed {
		s.e.startMove(m)
	}
	s.e.mu.Unlock()
	return &sqs.StartMessageMoveTaskOutput{TaskHandle: aws.String(m.handle())}, nil
}

// checkMove checks what a move task is to do and gives its source; the lock is held.
func (s *SQS) checkMove(source, destination string) (*queue, error) {
	from := s.byARN(source)
	if from == nil {
		return nil, faultNoResource("SourceArn")
	}
	if len(s.e.sourcesOf(from)) == 0 {
		return nil, faultInvalidParameter("Source queue must be configured as a Dead Letter Queue.")
	}
	if destination != "" && s.byARN(destination) == nil {
		return nil, faultNoResource("DestinationArn")
	}
	if destination == source {
		return nil, faultInvalidParameter("Source queue arn and destination queue arn cannot be the same.")
	}
	for _, m := range s.e.moves {
		if m.Source == source && m.Status == moveRunning {
			return nil, faultInvalidParameter("There is already a task running. Only one active task is allowed for " +
				"a source queue arn at a given time.")
		}
	}
	return from, nil
}

// addMove adds a task to the list and forgets the oldest of those of its source beyond the ten that SQS lists.
func (t *tx) addMove(m *moveTask) {
	e, old := t.e, t.e.moves
	moves := append(slices.Clone(old), m)
	kept := 0
	for i := len(moves) - 1; i >= 0; i-- {
		if moves[i].Source != m.Source {
			continue
		}
		if kept++; kept > keptMoveTasks {
			t.log(record{kind: recDeleteMove, data: moves[i].row()}, func() {})
			moves = slices.Delete(moves, i, i+1)
		}
	}
	e.moves = moves
	t.log(record{kind: recPutMove, data: m.row()}, func() { e.moves = old })
}

func (s *SQS) cancelMessageMoveTask(
	_ context.Context, in *sqs.CancelMessageMoveTaskInput,
) (*sqs.CancelMessageMoveTaskOutput, error) {
	if aws.ToString(in.TaskHandle) == "" {
		return nil, faultMissing("TaskHandle")
	}
	raw, err := base64.StdEncoding.DecodeString(*in.TaskHandle)
	var named map[string]string
	if err != nil || json.Unmarshal(raw, &named) != nil || named[moveHandleField] == "" {
		return nil, faultInvalidParameter("Value for parameter TaskHandle is invalid.")
	}
	out := &sqs.CancelMessageMoveTaskOutput{}
	err = s.e.update(func(t *tx) error {
		if s.byARN(named["sourceArn"]) == nil {
			return faultNoResource("SourceArn")
		}
		i := slices.IndexFunc(s.e.moves, func(m *moveTask) bool { return m.ID == named[moveHandleField] && m.Source == named["sourceArn"] })
		if i < 0 {
			return faultNotFound("Task does not exist.")
		}
		m := s.e.moves[i]
		if m.Status != moveRunning {
			return faultInvalidParameter("Only active tasks can be cancelled.")
		}
		m.Status = moveCancelled
		out.ApproximateNumberOfMessagesMoved = m.Moved
		t.log(record{kind: recPutMove, data: m.row()}, func() { m.Status = moveRunning })
		return nil
	})
	return out, err
}

func (s *SQS) listMessageMoveTasks(
	_ context.Context, in *sqs.ListMessageMoveTasksInput,
) (*sqs.ListMessageMoveTasksOutput, error) {
	if aws.ToString(in.SourceArn) == "" {
		return nil, faultMissing("SourceArn")
	}
	if err := checkARN(*in.SourceArn, "SourceArn"); err != nil {
		return nil, err
	}
	if err := checkRange(in.MaxResults, "MaxResults", 1, keptMoveTasks); err != nil {
		return nil, err
	}
	limit := 1
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &sqs.ListMessageMoveTasksOutput{}
	err := s.e.view(func() error {
		if s.byARN(*in.SourceArn) == nil {
			return faultNoResource("SourceArn")
		}
		for _, m := range slices.Backward(s.e.moves) {
			if m.Source == *in.SourceArn && len(out.Results) < limit {
				out.Results = append(out.Results, m.entry())
			}
		}
		return nil
	})
	return out, err
}

// entry is a task as ListMessageMoveTasks shows it; only a running one has a handle.
func (m *moveTask) entry() types.ListMessageMoveTasksResultEntry {
	out := types.ListMessageMoveTasksResultEntry{
		ApproximateNumberOfMessagesMoved:  m.Moved,
		ApproximateNumberOfMessagesToMove: aws.Int64(m.ToMove),
		SourceArn:                         aws.String(m.Source),
		StartedTimestamp:                  m.Started,
		Status:                            aws.String(m.Status),
	}
	if m.Destination != "" {
		out.DestinationArn = aws.String(m.Destination)
	}
	if m.Rate != 0 {
		out.MaxNumberOfMessagesPerSecond = aws.Int32(m.Rate)
	}
	if m.Reason != "" {
		out.FailureReason = aws.String(m.Reason)
	}
	if m.Status == moveRunning {
		out.TaskHandle = aws.String(m.handle())
	}
	return out
}
