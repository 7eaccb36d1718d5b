BEGIN TRANSACTION;
CREATE TABLE blocks (
	run_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	message BIGINT NOT NULL, 
	idx BIGINT NOT NULL, 
	type TEXT NOT NULL, 
	text TEXT, 
	call_id TEXT, 
	name TEXT, 
	mime_type TEXT, 
	bytes BIGINT, 
	data TEXT NOT NULL, 
	PRIMARY KEY (run_id, path, message, idx), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "blocks" VALUES('whole','',0,0,'text','Be exact.',NULL,NULL,NULL,NULL,'{"type":"text","text":"Be exact."}');
INSERT INTO "blocks" VALUES('whole','',1,0,'text','ad800 0000 世',NULL,NULL,NULL,NULL,'{"type":"text","text":"a\u001ad800 \u001a0000 世"}');
INSERT INTO "blocks" VALUES('whole','',2,0,'reasoning','hm',NULL,NULL,NULL,NULL,'{"type":"reasoning","text":"hm"}');
INSERT INTO "blocks" VALUES('whole','',2,1,'text','I add. 世界 🎉',NULL,NULL,NULL,NULL,'{"type":"text","text":"I add. 世界 🎉"}');
INSERT INTO "blocks" VALUES('whole','',2,2,'tool_call','{"a": 2, "b": 3}','c1','add',NULL,NULL,'{"type":"tool_call","call_id":"c1","name":"add","arguments_json":"{\"a\": 2, \"b\": 3}","arguments":{"a":2,"b":3}}');
INSERT INTO "blocks" VALUES('whole','',2,3,'tool_call','{"a": 2, "b": 0}','c2','divide',NULL,NULL,'{"type":"tool_call","call_id":"c2","name":"divide","arguments_json":"{\"a\": 2, \"b\": 0}","arguments":{"a":2,"b":0}}');
INSERT INTO "blocks" VALUES('whole','',2,4,'tool_call','not json','c3','delete',NULL,NULL,'{"type":"tool_call","call_id":"c3","name":"delete","arguments_json":"not json"}');
INSERT INTO "blocks" VALUES('whole','',3,0,'tool_output','{"sum": 5, "a": 1.5e+300}','c1','add',NULL,NULL,'{"type":"tool_output","call_id":"c1","name":"add","output":{"sum":5,"a":1.5e+300}}');
INSERT INTO "blocks" VALUES('whole','',3,1,'tool_output','by zero','c2','divide',NULL,NULL,'{"type":"tool_output","call_id":"c2","name":"divide","is_error":true,"output":"by zero"}');
INSERT INTO "blocks" VALUES('whole','',3,2,'tool_output','denied','c3','delete',NULL,NULL,'{"type":"tool_output","call_id":"c3","name":"delete","is_error":true,"output":"denied"}');
INSERT INTO "blocks" VALUES('whole','',4,0,'text','5',NULL,NULL,NULL,NULL,'{"type":"text","text":"5"}');
INSERT INTO "blocks" VALUES('cut','',0,0,'text','Be exact.',NULL,NULL,NULL,NULL,'{"type":"text","text":"Be exact."}');
INSERT INTO "blocks" VALUES('cut','',1,0,'text','What is 2 + 3?',NULL,NULL,NULL,NULL,'{"type":"text","text":"What is 2 + 3?"}');
INSERT INTO "blocks" VALUES('cut','',2,0,'reasoning','hm',NULL,NULL,NULL,NULL,'{"type":"reasoning","text":"hm"}');
INSERT INTO "blocks" VALUES('cut','',2,1,'text','I add. 世界 🎉',NULL,NULL,NULL,NULL,'{"type":"text","text":"I add. 世界 🎉"}');
INSERT INTO "blocks" VALUES('cut','',2,2,'tool_call','{"a": 2, "b": 3}','c1','add',NULL,NULL,'{"type":"tool_call","call_id":"c1","name":"add","arguments_json":"{\"a\": 2, \"b\": 3}","arguments":{"a":2,"b":3}}');
INSERT INTO "blocks" VALUES('cut','',2,3,'tool_call','{"a": 2, "b": 0}','c2','divide',NULL,NULL,'{"type":"tool_call","call_id":"c2","name":"divide","arguments_json":"{\"a\": 2, \"b\": 0}","arguments":{"a":2,"b":0}}');
INSERT INTO "blocks" VALUES('cut','',2,4,'tool_call','not json','c3','delete',NULL,NULL,'{"type":"tool_call","call_id":"c3","name":"delete","arguments_json":"not json"}');
CREATE TABLE events (
	run_id TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	at DOUBLE, 
	path TEXT NOT NULL, 
	type TEXT NOT NULL, 
	data TEXT NOT NULL, 
	usage TEXT, 
	monotonic DOUBLE NOT NULL, 
	start_time DOUBLE NOT NULL, 
	first_token DOUBLE, 
	v BIGINT NOT NULL, 
	PRIMARY KEY (run_id, seq), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES('cut',0,1790000000.25,'','stream.start','{"type":"stream.start","kind":"messages","agent":"adder","provider":"sim","model":"demo","input":[{"role":"system","content":[{"type":"text","text":"Be exact."}]},{"role":"user","content":[{"type":"text","text":"What is 2 + 3?"}]}],"started_at":1790000000.25,"meta":{"ticket":7}}',NULL,10.1,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',1,1.79000000039285707474e+09,'','reasoning.delta','{"type":"reasoning.delta","delta":"hm","kind":"text"}',NULL,1.02428571428571419939e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',2,1.79000000053571438783e+09,'','reasoning.done','{"type":"reasoning.done","text":"hm","output":"hm"}',NULL,1.03857142857142861205e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',3,1.79000000067857146265e+09,'','message.output.delta','{"type":"message.output.delta","delta":"I ad"}',NULL,1.05285714285714284701e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',4,1.79000000082142853735e+09,'','message.output.delta','{"type":"message.output.delta","delta":"d. 世界 🎉"}',NULL,1.06714285714285708197e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',5,1.79000000096428561217e+09,'','message.output.done','{"type":"message.output.done","output":"I add. 世界 🎉"}',NULL,1.08142857142857131693e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',6,1.79000000110714292526e+09,'','tool.call.delta','{"type":"tool.call.delta","call_id":"c1","name":"add","delta":"{\"a\": 2, \"b\": 3}"}',NULL,1.09571428571428572949e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',7,1790000001.25,'','tool.call.done','{"type":"tool.call.done","call_id":"c1","name":"add","arguments_json":"{\"a\": 2, \"b\": 3}","output":{"a":2,"b":3}}',NULL,11.1,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',8,1.79000000139285707478e+09,'','tool.call.done','{"type":"tool.call.done","call_id":"c2","name":"divide","arguments_json":"{\"a\": 2, \"b\": 0}","output":{"a":2,"b":0}}',NULL,1.12428571428571419941e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',9,1.79000000153571438787e+09,'','tool.call.done','{"type":"tool.call.done","call_id":"c3","name":"delete","arguments_json":"not json"}',NULL,1.13857142857142861207e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',10,1.79000000167857146269e+09,'','response.done','{"type":"response.done","stop_reason":"tool_use","token_usage":{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}},"provider":"sim","model":"demo","raw":{"body":1}}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.15285714285714284703e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('cut',11,1.79000000182142853738e+09,'','tool.start','{"type":"tool.start","call_id":"c1","name":"add"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.16714285714285708199e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',0,1790000000.25,'','stream.start','{"type":"stream.start","kind":"messages","agent":"adder","provider":"sim","model":"demo","input":[{"role":"system","content":[{"type":"text","text":"Be exact."}]},{"role":"user","content":[{"type":"text","text":"a\u001ad800 \u001a0000 世"}]}],"started_at":1790000000.25,"meta":{"ticket":7}}',NULL,10.1,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',1,1.79000000039285707474e+09,'','reasoning.delta','{"type":"reasoning.delta","delta":"hm","kind":"text"}',NULL,1.02428571428571419939e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',2,1.79000000053571438783e+09,'','reasoning.done','{"type":"reasoning.done","text":"hm","output":"hm"}',NULL,1.03857142857142861205e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',3,1.79000000067857146265e+09,'','message.output.delta','{"type":"message.output.delta","delta":"I ad"}',NULL,1.05285714285714284701e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',4,1.79000000082142853735e+09,'','message.output.delta','{"type":"message.output.delta","delta":"d. 世界 🎉"}',NULL,1.06714285714285708197e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',5,1.79000000096428561217e+09,'','message.output.done','{"type":"message.output.done","output":"I add. 世界 🎉"}',NULL,1.08142857142857131693e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',6,1.79000000110714292526e+09,'','tool.call.delta','{"type":"tool.call.delta","call_id":"c1","name":"add","delta":"{\"a\": 2, \"b\": 3}"}',NULL,1.09571428571428572949e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',7,1790000001.25,'','tool.call.done','{"type":"tool.call.done","call_id":"c1","name":"add","arguments_json":"{\"a\": 2, \"b\": 3}","output":{"a":2,"b":3}}',NULL,11.1,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',8,1.79000000139285707478e+09,'','tool.call.done','{"type":"tool.call.done","call_id":"c2","name":"divide","arguments_json":"{\"a\": 2, \"b\": 0}","output":{"a":2,"b":0}}',NULL,1.12428571428571419941e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',9,1.79000000153571438787e+09,'','tool.call.done','{"type":"tool.call.done","call_id":"c3","name":"delete","arguments_json":"not json"}',NULL,1.13857142857142861207e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',10,1.79000000167857146269e+09,'','response.done','{"type":"response.done","stop_reason":"tool_use","token_usage":{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}},"provider":"sim","model":"demo","raw":{"body":1}}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.15285714285714284703e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',11,1.79000000182142853738e+09,'','tool.start','{"type":"tool.start","call_id":"c1","name":"add"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.16714285714285708199e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',12,1.79000000196428561208e+09,'','tool.start','{"type":"tool.start","call_id":"c2","name":"divide"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.18142857142857131695e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',13,1.7900000021071429253e+09,'','approval.resolved','{"type":"approval.resolved","call_id":"c3","name":"delete","approved":false}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.19571428571428572951e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',14,1790000002.25,'','tool.end','{"type":"tool.end","call_id":"c2","name":"divide","is_error":true,"output":"by zero"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',12.1,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',15,1.79000000239285707477e+09,'','tool.output.done','{"type":"tool.output.done","call_id":"c1","id":"c1","name":"add","output":{"sum":5,"a":1.5e+300}}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.22428571428571419943e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',16,1.7900000025357143879e+09,'','tool.output.done','{"type":"tool.output.done","call_id":"c2","id":"c2","name":"divide","is_error":true,"output":"by zero"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.23857142857142861198e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',17,1.7900000026785714626e+09,'','tool.output.done','{"type":"tool.output.done","call_id":"c3","id":"c3","name":"delete","is_error":true,"output":"denied"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.25285714285714284694e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',18,1.79000000282142853738e+09,'','message.output.delta','{"type":"message.output.delta","delta":"5"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.26714285714285708191e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',19,1.79000000296428561207e+09,'','message.output.done','{"type":"message.output.done","output":"5"}','{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}}',1.28142857142857131687e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',20,1.79000000310714292529e+09,'','response.done','{"type":"response.done","stop_reason":"end_turn","token_usage":{"input_tokens":10,"output_tokens":4,"reasoning_tokens":0,"raw":{"prompt_tokens":10}},"provider":"sim","model":"demo-2","raw":{"body":2}}','{"input_tokens":20,"output_tokens":8,"reasoning_tokens":0,"total_tokens":28}',1.29571428571428572952e+01,10.1,11.3,1);
INSERT INTO "events" VALUES('whole',21,1790000003.25,'','stream.end','{"type":"stream.end","stop_reason":"end_turn","output":"5"}','{"input_tokens":20,"output_tokens":8,"reasoning_tokens":0,"total_tokens":28}',13.1,10.1,11.3,1);
CREATE TABLE lamella_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT lamella_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "lamella_version" VALUES('0001');
CREATE TABLE messages (
	run_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	idx BIGINT NOT NULL, 
	role TEXT NOT NULL, 
	turn BIGINT, 
	is_input BOOLEAN NOT NULL, 
	incomplete BOOLEAN NOT NULL, 
	text TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	at DOUBLE, 
	PRIMARY KEY (run_id, path, idx), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "messages" VALUES('whole','',0,'system',NULL,1,0,'Be exact.',0,1790000000.25);
INSERT INTO "messages" VALUES('whole','',1,'user',NULL,1,0,'ad800 0000 世',0,1790000000.25);
INSERT INTO "messages" VALUES('whole','',2,'assistant',0,0,0,'I add. 世界 🎉',10,1.79000000167857146269e+09);
INSERT INTO "messages" VALUES('whole','',3,'user',1,0,0,'',20,1.79000000310714292529e+09);
INSERT INTO "messages" VALUES('whole','',4,'assistant',1,0,0,'5',20,1.79000000310714292529e+09);
INSERT INTO "messages" VALUES('cut','',0,'system',NULL,1,0,'Be exact.',0,1790000000.25);
INSERT INTO "messages" VALUES('cut','',1,'user',NULL,1,0,'What is 2 + 3?',0,1790000000.25);
INSERT INTO "messages" VALUES('cut','',2,'assistant',0,0,0,'I add. 世界 🎉',10,1.79000000167857146269e+09);
CREATE TABLE responses (
	run_id TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	path TEXT NOT NULL, 
	response BIGINT NOT NULL, 
	at DOUBLE, 
	outcome TEXT NOT NULL, 
	provider TEXT, 
	model TEXT, 
	response_id TEXT, 
	stop_reason TEXT, 
	cached BOOLEAN NOT NULL, 
	total_tokens BIGINT, 
	PRIMARY KEY (run_id, seq), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "responses" VALUES('whole',10,'',0,1.79000000167857146269e+09,'done','sim','demo',NULL,'tool_use',0,14);
INSERT INTO "responses" VALUES('whole',20,'',1,1.79000000310714292529e+09,'done','sim','demo-2',NULL,'end_turn',0,14);
INSERT INTO "responses" VALUES('cut',10,'',0,1.79000000167857146269e+09,'done','sim','demo',NULL,'tool_use',0,14);
CREATE TABLE runs (
	id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	kind TEXT, 
	agent TEXT, 
	provider TEXT, 
	model TEXT, 
	conversation TEXT, 
	forked_from TEXT, 
	forked_at BIGINT, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	duration DOUBLE, 
	input TEXT, 
	output TEXT, 
	stop_reason TEXT, 
	error_code TEXT, 
	error TEXT, 
	meta TEXT, 
	events BIGINT NOT NULL, 
	total_tokens BIGINT, 
	created_at DOUBLE NOT NULL, 
	writer TEXT, 
	writer_host TEXT, 
	writer_pid BIGINT, 
	writer_started TEXT, 
	heartbeat_at DOUBLE, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('whole','completed','messages','adder','sim','demo',NULL,NULL,NULL,1790000000.25,1790000003.25,3.0,'ad800 0000 世','5','end_turn',NULL,NULL,'{"ticket":7}',22,28,1.79529040190999507903e+09,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('cut','interrupted','messages','adder','sim','demo',NULL,NULL,NULL,1790000000.25,NULL,NULL,'What is 2 + 3?','I add. 世界 🎉','tool_use',NULL,NULL,'{"ticket":7}',12,14,1.79529040204501748084e+09,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE tool_calls (
	run_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	idx BIGINT NOT NULL, 
	turn BIGINT NOT NULL, 
	call_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	arguments TEXT, 
	status TEXT NOT NULL, 
	output TEXT, 
	is_error BOOLEAN, 
	requested_at DOUBLE, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	PRIMARY KEY (run_id, path, idx), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "tool_calls" VALUES('whole','',0,0,'c1','add','{"a":2,"b":3}','completed','{"sum": 5, "a": 1.5e+300}',0,1790000001.25,1.79000000182142853738e+09,1.79000000239285707477e+09);
INSERT INTO "tool_calls" VALUES('whole','',1,0,'c2','divide','{"a":2,"b":0}','failed','by zero',1,1.79000000139285707478e+09,1.79000000196428561208e+09,1790000002.25);
INSERT INTO "tool_calls" VALUES('whole','',2,0,'c3','delete',NULL,'denied','denied',1,1.79000000153571438787e+09,NULL,NULL);
INSERT INTO "tool_calls" VALUES('cut','',0,0,'c1','add','{"a":2,"b":3}','running',NULL,NULL,1790000001.25,1.79000000182142853738e+09,NULL);
INSERT INTO "tool_calls" VALUES('cut','',1,0,'c2','divide','{"a":2,"b":0}','requested',NULL,NULL,1.79000000139285707478e+09,NULL,NULL);
INSERT INTO "tool_calls" VALUES('cut','',2,0,'c3','delete',NULL,'requested',NULL,NULL,1.79000000153571438787e+09,NULL,NULL);
CREATE TABLE usage (
	run_id TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	bucket TEXT NOT NULL, 
	path TEXT NOT NULL, 
	response BIGINT NOT NULL, 
	provider TEXT, 
	model TEXT, 
	quantity BIGINT NOT NULL, 
	estimated BOOLEAN NOT NULL, 
	PRIMARY KEY (run_id, seq, bucket), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "usage" VALUES('whole',10,'input_tokens','',0,'sim','demo',10,0);
INSERT INTO "usage" VALUES('whole',10,'output_tokens','',0,'sim','demo',4,0);
INSERT INTO "usage" VALUES('whole',10,'reasoning_tokens','',0,'sim','demo',0,0);
INSERT INTO "usage" VALUES('whole',20,'input_tokens','',1,'sim','demo-2',10,0);
INSERT INTO "usage" VALUES('whole',20,'output_tokens','',1,'sim','demo-2',4,0);
INSERT INTO "usage" VALUES('whole',20,'reasoning_tokens','',1,'sim','demo-2',0,0);
INSERT INTO "usage" VALUES('cut',10,'input_tokens','',0,'sim','demo',10,0);
INSERT INTO "usage" VALUES('cut',10,'output_tokens','',0,'sim','demo',4,0);
INSERT INTO "usage" VALUES('cut',10,'reasoning_tokens','',0,'sim','demo',0,0);
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX ix_runs_conversation ON runs (conversation);
CREATE INDEX ix_tool_calls_name ON tool_calls (name);
COMMIT;
