-- A state file as version 2 of its schema wrote it, with something of everything.
BEGIN TRANSACTION;
CREATE TABLE messages (
	seq INTEGER PRIMARY KEY, queue INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT,
	grp TEXT NOT NULL, trace TEXT NOT NULL, sender TEXT NOT NULL, source TEXT NOT NULL, sent_at INTEGER NOT NULL,
	visible_at INTEGER NOT NULL, receives INTEGER NOT NULL, first_received INTEGER NOT NULL, received_at INTEGER NOT NULL
);
INSERT INTO "messages" VALUES(1099511627779,1099511627776,'cb937653-dab5-4bdb-a36a-6e8c4903c608','dead 1','{"n":{"t":"Number","s":"1"}}','','','000000000000','arn:aws:sqs:us-east-1:000000000000:jobs',1795809657660,1795809659161,1,1795809657660,1795809657660);
INSERT INTO "messages" VALUES(1099511627780,1099511627776,'1f730a5f-1cf6-4558-8b25-1267f231f58a','dead 2','{"n":{"t":"Number","s":"1"}}','','','000000000000','arn:aws:sqs:us-east-1:000000000000:jobs',1795809657660,1795809659161,1,1795809657660,1795809657660);
INSERT INTO "messages" VALUES(1099511627781,1099511627777,'bdde6353-a790-40a6-8bd5-b5c19a28aef9','in flight','{"n":{"t":"Number","s":"1"}}','','','000000000000','',1795809659162,1795849659162,1,1795809659162,1795809659162);
INSERT INTO "messages" VALUES(1099511627782,1099511627777,'d6f1b3aa-9a60-44cd-b3de-a5bd5be7adb4','waiting','{"n":{"t":"Number","s":"1"}}','','','000000000000','',1795809659162,1795809659162,0,0,0);
INSERT INTO "messages" VALUES(1099511627783,1099511627777,'e02ed585-2f7f-464a-8384-535b6efa5685','delayed','{"n":{"t":"Number","s":"1"}}','','','000000000000','',1795809659163,1795810559163,0,0,0);
INSERT INTO "messages" VALUES(1099511627786,1099511627777,'20de0798-d13e-40e0-bdb1-c649d7b91f1d','dead 0','{"n":{"t":"Number","s":"1"}}','','','000000000000','',1795809659165,1795809659165,0,0,0);
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('run',1);
CREATE TABLE moves (id TEXT PRIMARY KEY, started INTEGER NOT NULL, task TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "moves" VALUES('4e9ceccc-b07a-4427-b9c4-e591993adc67',1795809659165,'{"id":"4e9ceccc-b07a-4427-b9c4-e591993adc67","source":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq","rate":1,"status":"RUNNING","moved":1,"to_move":3,"started":1795809659165}');
CREATE TABLE queues (id INTEGER PRIMARY KEY, definition TEXT NOT NULL);
INSERT INTO "queues" VALUES(1099511627776,'{"name":"jobs-dlq","created":1795809657658,"modified":1795809657658,"attributes":{"DelaySeconds":"0","MaximumMessageSize":"1048576","MessageRetentionPeriod":"345600","ReceiveMessageWaitTimeSeconds":"0","SqsManagedSseEnabled":"true","VisibilityTimeout":"30"}}');
INSERT INTO "queues" VALUES(1099511627777,'{"name":"jobs","created":1795809657659,"modified":1795809657659,"attributes":{"DelaySeconds":"0","MaximumMessageSize":"1048576","MessageRetentionPeriod":"1209600","ReceiveMessageWaitTimeSeconds":"0","RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:jobs-dlq\",\"maxReceiveCount\":\"1\"}","SqsManagedSseEnabled":"true","VisibilityTimeout":"30"},"tags":{"team":"core"}}');
CREATE TABLE schedule_groups (name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "schedule_groups" VALUES('app','{"name":"app","created":1795809659163,"modified":1795809659163,"tags":{"k":"v"}}');
INSERT INTO "schedule_groups" VALUES('default','{"name":"default","created":0,"modified":1795809659163,"tags":{"k":"default"}}');
CREATE TABLE schedules (id INTEGER PRIMARY KEY, definition TEXT NOT NULL, progress TEXT NOT NULL);
INSERT INTO "schedules" VALUES(1099511627784,'{"definition":{"FlexibleTimeWindow":{"Mode":"OFF","MaximumWindowInMinutes":null},"Name":"templated","ScheduleExpression":"cron( 0 0 1 1 ? 2199 )","Target":{"Arn":"arn:aws:sqs:us-east-1:000000000000:jobs","RoleArn":"arn:aws:iam::000000000000:role/r","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq"},"EcsParameters":null,"EventBridgeParameters":null,"Input":"tick","KinesisParameters":null,"RetryPolicy":{"MaximumEventAgeInSeconds":86400,"MaximumRetryAttempts":185},"SageMakerPipelineParameters":null,"SqsParameters":null},"ActionAfterCompletion":"NONE","ClientToken":null,"Description":null,"EndDate":null,"GroupName":"app","KmsKeyArn":null,"ScheduleExpressionTimezone":"UTC","StartDate":null,"State":"ENABLED"},"created":1795809659163,"modified":1795809659163}','{"up_to":"2026-11-27T20:00:59.163699175Z"}');
INSERT INTO "schedules" VALUES(1099511627785,'{"definition":{"FlexibleTimeWindow":{"Mode":"OFF","MaximumWindowInMinutes":null},"Name":"universal","ScheduleExpression":"at(2199-01-01T00:00:00)","Target":{"Arn":"arn:aws:scheduler:::aws-sdk:sqs:sendMessage","RoleArn":"arn:aws:iam::000000000000:role/r","DeadLetterConfig":null,"EcsParameters":null,"EventBridgeParameters":null,"Input":"{\"QueueUrl\":\"http://127.0.0.1:4560/000000000000/jobs\",\"MessageBody\":\"universal\"}","KinesisParameters":null,"RetryPolicy":{"MaximumEventAgeInSeconds":86400,"MaximumRetryAttempts":185},"SageMakerPipelineParameters":null,"SqsParameters":null},"ActionAfterCompletion":"NONE","ClientToken":null,"Description":null,"EndDate":null,"GroupName":"default","KmsKeyArn":null,"ScheduleExpressionTimezone":"UTC","StartDate":null,"State":"ENABLED"},"created":1795809659164,"modified":1795809659164}','{"up_to":"0001-01-01T00:00:00Z"}');
COMMIT;
PRAGMA application_id=1131377253;
PRAGMA user_version=2;
