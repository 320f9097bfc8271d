package emulator_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/emulator"
)

// Every operation answers AWS's own client, which checks the digests of what it sends and receives by itself.
func TestOperationsOverTheSDKsClient(t *testing.T) {
	t.Parallel()
	e := open(t, emulator.Config{})
	c := client(t, e)
	ctx := t.Context()
	dead := create(t, c, "jobs-dlq", nil)
	url := create(t, c, "jobs", map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq","maxReceiveCount":3}`,
	})
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	got, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("jobs")})
	must("GetQueueUrl", err)
	if *got.QueueUrl != url || !strings.HasSuffix(url, "/000000000000/jobs") {
		t.Errorf("queue URLs %s and %s", *got.QueueUrl, url)
	}
	_, err = c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "60"},
	})
	must("SetQueueAttributes", err)
	all, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"},
	})
	must("GetQueueAttributes", err)
	if all.Attributes["VisibilityTimeout"] != "60" || all.Attributes["MaximumMessageSize"] != "1048576" {
		t.Errorf("attributes %v", all.Attributes)
	}
	_, err = c.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"a": "1", "b": "2"}})
	must("TagQueue", err)
	_, err = c.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: []string{"a"}})
	must("UntagQueue", err)
	tags, err := c.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
	must("ListQueueTags", err)
	if len(tags.Tags) != 1 || tags.Tags["b"] != "2" {
		t.Errorf("tags %v", tags.Tags)
	}
	list, err := c.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("jobs"), MaxResults: aws.Int32(1)})
	must("ListQueues", err)
	if len(list.QueueUrls) != 1 || list.NextToken == nil {
		t.Errorf("first page %v", list)
	}
	sources, err := c.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dead})
	must("ListDeadLetterSourceQueues", err)
	if len(sources.QueueUrls) != 1 || sources.QueueUrls[0] != url {
		t.Errorf("sources %v", sources.QueueUrls)
	}
	_, err = c.AddPermission(ctx, &sqs.AddPermissionInput{
		QueueUrl: &url, Label: aws.String("l"), AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"},
	})
	must("AddPermission", err)
	_, err = c.RemovePermission(ctx, &sqs.RemovePermissionInput{QueueUrl: &url, Label: aws.String("l")})
	must("RemovePermission", err)

	_, err = c.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("<böse & gut>"), MessageGroupId: aws.String("tenant"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"text": {DataType: aws.String("String"), StringValue: aws.String("v")},
			"raw":  {DataType: aws.String("Binary.x"), BinaryValue: []byte{0, 1, 255}},
			"n":    {DataType: aws.String("Number"), StringValue: aws.String("-1.5e3")},
		},
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-2-3")},
		},
	})
	must("SendMessage", err)
	batch, err := c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{
		QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("good"), MessageBody: aws.String("two")},
			{Id: aws.String("bad"), MessageBody: aws.String("\x00")},
		},
	})
	must("SendMessageBatch", err)
	if len(batch.Successful) != 1 || len(batch.Failed) != 1 || *batch.Failed[0].Code != "InvalidMessageContents" {
		t.Errorf("batch %+v", batch)
	}
	msgs := receive(t, c, url)
	if len(msgs) != 2 {
		t.Fatalf("received %d messages", len(msgs))
	}
	m := msgs[0]
	if *m.Body != "<böse & gut>" || m.Attributes["MessageGroupId"] != "tenant" ||
		m.Attributes["AWSTraceHeader"] != "Root=1-2-3" || string(m.MessageAttributes["raw"].BinaryValue) != "\x00\x01\xff" {
		t.Errorf("message %+v", m)
	}
	_, err = c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 120,
	})
	must("ChangeMessageVisibility", err)
	_, err = c.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("1"), ReceiptHandle: msgs[1].ReceiptHandle},
		},
	})
	must("ChangeMessageVisibilityBatch", err)
	remove(t, c, url, m)
	again := receive(t, c, url)
	if len(again) != 1 || again[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("received again %+v", again)
	}
	deleted, err := c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{
		QueueUrl: &url, Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("1"), ReceiptHandle: again[0].ReceiptHandle},
			{Id: aws.String("2"), ReceiptHandle: aws.String("garbage")},
		},
	})
	must("DeleteMessageBatch", err)
	if len(deleted.Successful) != 1 || len(deleted.Failed) != 1 || *deleted.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("deleted %+v", deleted)
	}
	task, err := c.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:jobs-dlq"), MaxNumberOfMessagesPerSecond: aws.Int32(1),
	})
	must("StartMessageMoveTask", err)
	_, err = c.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{
		SourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:jobs-dlq"),
	})
	must("ListMessageMoveTasks", err)
	_, err = c.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle})
	if err != nil && !strings.Contains(err.Error(), "Only active tasks") {
		t.Error(err)
	}
	_, err = c.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &url})
	must("PurgeQueue", err)
	_, err = c.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &url})
	if in := new(types.PurgeQueueInProgress); !errors.As(err, &in) {
		t.Errorf("second purge: %v", err)
	}
	_, err = c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
	must("DeleteQueue", err)
}

// An error is the same to a program whether it talks to the emulator in process or over a socket.
func TestErrorsAreThoseOfTheSDKsClient(t *testing.T) {
	t.Parallel()
	e := open(t, emulator.Config{})
	clients := map[string]interface {
		api
		SendMessageBatch(
			_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
		) (*sqs.SendMessageBatchOutput, error)
		ChangeMessageVisibility(
			_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options),
		) (*sqs.ChangeMessageVisibilityOutput, error)
	}{"in process": e.SQS(), "over a socket": client(t, e)}
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			url := create(t, c, "errors", nil)
			send(t, c, url, "x")
			m := receive(t, c, url)
			remove(t, c, url, m[0])
			tests := []struct {
				name, code string
				call       func() error
			}{
				{"no such queue", "AWS.SimpleQueueService.NonExistentQueue", func() error {
					_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
						QueueUrl: aws.String(url + "x"), MessageBody: aws.String("x"),
					})
					if as := new(types.QueueDoesNotExist); !errors.As(err, &as) {
						t.Errorf("not a QueueDoesNotExist: %v", err)
					}
					return err
				}},
				{"other attributes", "QueueAlreadyExists", func() error {
					_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{
						QueueName: aws.String("errors"), Attributes: map[string]string{"DelaySeconds": "3"},
					})
					return err
				}},
				{"fifo", "AWS.SimpleQueueService.UnsupportedOperation", func() error {
					_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("a.fifo")})
					return err
				}},
				{"unknown attribute", "InvalidAttributeName", func() error {
					_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{
						QueueName: aws.String("a"), Attributes: map[string]string{"Nope": "1"},
					})
					return err
				}},
				{"value out of range", "InvalidAttributeValue", func() error {
					_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{
						QueueName: aws.String("a"), Attributes: map[string]string{"DelaySeconds": "901"},
					})
					return err
				}},
				{"too large", "InvalidParameterValue", func() error {
					_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
						QueueUrl: &url, MessageBody: aws.String(strings.Repeat("x", 1<<20+1)),
					})
					if as := new(smithy.GenericAPIError); !errors.As(err, &as) {
						t.Errorf("not a GenericAPIError: %v", err)
					}
					return err
				}},
				{"empty body", "MissingParameter", func() error {
					_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("")})
					return err
				}},
				{"control characters", "InvalidMessageContents", func() error {
					_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
						QueueUrl: &url, MessageBody: aws.String("\ufffe"),
					})
					return err
				}},
				{"empty batch", "AWS.SimpleQueueService.EmptyBatchRequest", func() error {
					_, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{
						QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{},
					})
					return err
				}},
				{"garbage handle", "ReceiptHandleIsInvalid", func() error {
					_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
						QueueUrl: &url, ReceiptHandle: aws.String("AQEB"), VisibilityTimeout: 1,
					})
					return err
				}},
				{"message gone", "InvalidParameterValue", func() error {
					_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
						QueueUrl: &url, ReceiptHandle: m[0].ReceiptHandle, VisibilityTimeout: 1,
					})
					return err
				}},
			}
			for _, test := range tests {
				err := test.call()
				var op *smithy.OperationError
				var apiErr smithy.APIError
				if !errors.As(err, &op) || !errors.As(err, &apiErr) {
					t.Errorf("%s: %v", test.name, err)
					continue
				}
				if apiErr.ErrorCode() != test.code || apiErr.ErrorFault() != smithy.FaultClient {
					t.Errorf("%s: code %q, fault %v", test.name, apiErr.ErrorCode(), apiErr.ErrorFault())
				}
			}
		})
	}
}
