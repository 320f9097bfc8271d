package emulator_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
)

// In process the emulator takes the place of *sqs.Client: no socket, no credentials, no waiting for anything to start.
func ExampleEmulator_SQS() {
	e, err := emulator.Open(emulator.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = e.Close() }()
	ctx, q := context.Background(), e.SQS()
	queue, err := q.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("default")})
	if err != nil {
		panic(err)
	}
	_, err = q.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String("hello")})
	if err != nil {
		panic(err)
	}
	got, err := q.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if err != nil {
		panic(err)
	}
	fmt.Println(*queue.QueueUrl, *got.Messages[0].Body)
	// Output: http://127.0.0.1:4560/000000000000/default hello
}

// Over HTTP AWS's SDKs and the AWS CLI can use it, with the endpoint set and any credentials.
func ExampleEmulator_Handler() {
	e, err := emulator.Open(emulator.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = e.Close() }()
	server := httptest.NewServer(e.Handler())
	defer server.Close()
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""),
	})
	_, err = client.GetQueueUrl(context.Background(), &sqs.GetQueueUrlInput{QueueName: aws.String("default")})
	fmt.Println(err != nil)
	// Output: true
}
