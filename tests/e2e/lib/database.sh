# shellcheck shell=bash
# What is in the stack's database, for the cases that back it up and bring it back.

# All that a dump has to bring back, as lines that can be compared.
databaseFacts() { # CLIENT...
    local table list
    local -a tables
    list=$("$@" "SELECT table_name FROM information_schema.tables
        WHERE table_schema = 'forum' AND table_type = 'BASE TABLE' ORDER BY 1") || return
    mapfile -t tables <<<"$list"
    for table in "${tables[@]}"; do
        "$@" "SELECT '$table', COUNT(*) FROM forum.\`${table//\`/\`\`}\`; CHECKSUM TABLE forum.\`${table//\`/\`\`}\`"
    done
    "$@" "SELECT table_type, table_name, '' FROM information_schema.tables WHERE table_schema = 'forum' AND table_type = 'VIEW'
        UNION SELECT 'TRIGGER', trigger_name, MD5(action_statement) FROM information_schema.triggers WHERE trigger_schema = 'forum'
        UNION SELECT routine_type, routine_name, MD5(routine_definition) FROM information_schema.routines WHERE routine_schema = 'forum'
        UNION SELECT 'EVENT', event_name, MD5(event_definition) FROM information_schema.events WHERE event_schema = 'forum'
        ORDER BY 1, 2"
}

# Some 15 MB that do not compress, once.
makeArchive() {
    sql 'USE forum; CREATE TABLE IF NOT EXISTS archive (id INT PRIMARY KEY, body BLOB);
        INSERT IGNORE INTO archive SELECT seq, RANDOM_BYTES(500) FROM seq_1_to_30000'
}

# Text beyond the basic plane, bytes of every value, NULLs, every kind of column, rows that are there twice, names that
# have to be quoted, and everything that is stored beside tables.
fillDatabase() {
    inside mysql mariadb --default-character-set=utf8mb4 forum <<'SQL'
CREATE OR REPLACE TABLE posts (
    id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(200) NOT NULL, body MEDIUMBLOB, note TEXT NULL
) ENGINE = InnoDB;
INSERT INTO posts (title, body, note)
    SELECT CONCAT('Grüße 🏮 ''"\\ ', seq), UNHEX(REPEAT(LPAD(HEX(seq % 256), 2, '0'), 300)), IF(seq % 3, NULL, 'n')
    FROM seq_1_to_3000;
CREATE OR REPLACE TABLE `all ``kinds``, ü` (
    whole BIGINT UNSIGNED, part DECIMAL(20, 10), bits BIT(9), day DATE, moment TIMESTAMP(6) NULL, shape POINT,
    kind ENUM('a', 'b'), flags SET('x', 'y'), document JSON, old VARCHAR(20) CHARACTER SET latin1, raw VARBINARY(20),
    twice BIGINT AS (whole * 2) VIRTUAL, kept BIGINT AS (whole + 1) STORED, hidden INT INVISIBLE DEFAULT 7
) ENGINE = InnoDB;
INSERT INTO `all ``kinds``, ü` (whole, part, bits, day, moment, shape, kind, flags, document, old, raw) VALUES
    (18446744073709551615 >> 2, 1 / 3, b'101010101', '0001-01-01', '2026-03-29 02:30:00.123456', POINT(1.5, -2), 'b', 'x,y',
        '{"a": "); \\n(\\u0000"}', 'Größe', UNHEX('00275C0A22FF')),
    (0, -0.0000000001, b'0', '2026-12-31', NULL, NULL, NULL, '', '[]', ');', '');
INSERT INTO `all ``kinds``, ü` (whole, part, bits, day, moment, shape, kind, flags, document, old, raw)
    SELECT whole, part, bits, day, moment, shape, kind, flags, document, old, raw FROM `all ``kinds``, ü`;
CREATE OR REPLACE SEQUENCE numbers START WITH 100 INCREMENT BY 5;
SELECT NEXT VALUE FOR numbers;
CREATE OR REPLACE VIEW newest AS SELECT id, title FROM posts ORDER BY id DESC LIMIT 10;
CREATE OR REPLACE TRIGGER trimmed BEFORE INSERT ON posts FOR EACH ROW SET NEW.title = TRIM(NEW.title);
CREATE OR REPLACE PROCEDURE tidy() DELETE FROM posts WHERE note = 'gone';
CREATE OR REPLACE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO CALL tidy();
SQL
    writeSlyText
}

# Bodies with lines that look like those of a dump, and like what a dump says about itself.
writeSlyText() {
    inside mysql mariadb --default-character-set=utf8mb4 --comments forum <<'SQL'
DELIMITER $$
CREATE OR REPLACE PROCEDURE sly() BEGIN
/* this is a remark ;;
DELIMITER ;
-- Dump completed
INSERT INTO `x` VALUES
USE `elsewhere`;
CREATE TABLE `x` (
-- lamplighter: {"bytes":1,"rows":1,"sum":"0000000000000000","table":"x"}
-- lamplighter: {"server":"x","tables":999}
*/
-- it's one
# "as well"
SET @sly = 'and a \' string ;;
DELIMITER ;
-- lamplighter: {"server":"y","tables":999}
'' -- /*';
END $$
CREATE OR REPLACE FUNCTION slyer() RETURNS INT RETURN 1 /* at the end ;;
DELIMITER ;
-- Dump completed
*/ $$
CREATE OR REPLACE TRIGGER sly BEFORE DELETE ON posts FOR EACH ROW BEGIN SET @sly = "
DELIMITER ;
-- lamplighter: {\"rows\":1,\"table\":\"x\"}
"; END $$
CREATE OR REPLACE EVENT sly ON SCHEDULE EVERY 1 DAY DISABLE DO BEGIN SET @sly = "
DELIMITER ;
-- lamplighter: {\"rows\":1,\"table\":\"x\"}
"; END $$
SET sql_mode = 'NO_BACKSLASH_ESCAPES' $$
CREATE OR REPLACE PROCEDURE slyest() BEGIN SELECT 'it ends with a \', "\", '
-- Dump completed
'; END $$
SQL
}
