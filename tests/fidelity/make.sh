#!/usr/bin/env bash
# Prints SQL that makes, in a database `fidelity` and beside it, what a backup as SQL changes or loses, and what few people have; with
# `remove`, SQL that takes it away again.
set -Eeuo pipefail

makeObjects() {
    cat <<'SQL'
INSTALL SONAME 'ha_archive';
INSTALL SONAME 'ha_blackhole';
CREATE DATABASE fidelity CHARACTER SET latin2 COLLATE latin2_czech_cs;
USE fidelity;

-- Numbers that need more than the six digits that a client is shown.
CREATE TABLE numbers (id INT PRIMARY KEY, single FLOAT, twice DOUBLE, exact DECIMAL(65, 30), flag BIT(64), old INT(5) ZEROFILL);
INSERT INTO numbers VALUES (1, 13.404954, 1 / 3e0, 1 / 3, b'1', 7), (2, 16777216, 1e308, -99999999999999999999999999999999999.000000000000000000000000000001, ~0, 0),
    (3, 1.17549435e-38, 2.2250738585072014e-308, 0, 0, 99999), (4, -0.1, -0.1e0, 0.1, b'101', 1), (5, 3.4028234e38, 5e-324, 5, 5, 5);

-- Days that there are not, and times of all kinds.
SET sql_mode = 'ALLOW_INVALID_DATES';
CREATE TABLE days (id INT PRIMARY KEY, day DATE, moment DATETIME(6), span TIME(6), year_of YEAR, stamp TIMESTAMP(3) NULL);
INSERT INTO days VALUES (1, '2020-02-31', '2020-02-31 01:02:03.456789', '-838:59:59.999999', 0, NULL),
    (2, '0000-00-00', '0000-00-00 00:00:00', '00:00:00.000001', 1901, '1970-01-01 00:00:01.001'), (3, '2020-00-15', '9999-12-31 23:59:59.999999', '12:00', 2155, '2038-01-19 03:14:07.999');
SET sql_mode = DEFAULT;

-- What is kept of earlier times.
CREATE TABLE versions (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING;
INSERT INTO versions VALUES (1, 1), (2, 2);
UPDATE versions SET v = 3 WHERE id = 1;
DELETE FROM versions WHERE id = 2;
CREATE TABLE transactions (id INT PRIMARY KEY, v INT, began BIGINT UNSIGNED GENERATED ALWAYS AS ROW START,
    ended BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (began, ended)) WITH SYSTEM VERSIONING;
INSERT INTO transactions (id, v) VALUES (1, 1), (2, 2);
UPDATE transactions SET v = 3 WHERE id = 1;
CREATE TABLE periods (id INT, from_day DATE, to_day DATE, PERIOD FOR valid (from_day, to_day), PRIMARY KEY (id, valid WITHOUT OVERLAPS));
INSERT INTO periods VALUES (1, '2026-01-01', '2026-02-01'), (1, '2026-02-01', '2026-03-01');

-- Types, engines, and how rows are kept.
CREATE TABLE kinds (id INT PRIMARY KEY, address INET6, four INET4, name UUID, shape GEOMETRY, direction VECTOR(3), kind ENUM('', 'a'), flags SET('x', 'y'),
    packed TEXT COMPRESSED, twice INT AS (id * 2) VIRTUAL, kept INT AS (id + 1) STORED, hidden INT INVISIBLE DEFAULT 7, document JSON) PAGE_COMPRESSED = 1;
INSERT INTO kinds (id, address, four, name, shape, direction, kind, flags, packed, hidden, document) VALUES
    (1, '2001:db8::1', '192.0.2.1', '123e4567-e89b-42d3-a456-426614174000', ST_GeomFromText('POLYGON((0 0,3 0,3 3,0 0))'), VEC_FromText('[0.1,-2,3e10]'), '', 'x,y', REPEAT('packed ', 500), 8, '{"a": 1}'),
    (2, NULL, NULL, NULL, NULL, VEC_FromText('[1,2,3]'), NULL, '', '', DEFAULT, NULL);
CREATE TABLE archived (id INT, text VARCHAR(100)) ENGINE = ARCHIVE;
INSERT INTO archived SELECT seq, REPEAT('a', seq) FROM seq_1_to_100;
CREATE TABLE swallowed (id INT) ENGINE = BLACKHOLE;
CREATE TABLE crashed_safely (id INT PRIMARY KEY, text TEXT, FULLTEXT (text)) ENGINE = Aria TRANSACTIONAL = 1;
INSERT INTO crashed_safely VALUES (1, 'words to be found'), (2, 'others');
CREATE TABLE parts (id INT AUTO_INCREMENT, day DATE, PRIMARY KEY (id, day)) PARTITION BY RANGE (YEAR(day)) (PARTITION old VALUES LESS THAN (2020), PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO parts (day) VALUES ('2019-05-05'), ('2026-05-05');
DELETE FROM parts WHERE id = 2;
CREATE TABLE ordered (id INT, a INT, b INT, KEY up_and_down (a, b DESC), KEY unused (b) IGNORED, UNIQUE (id), CHECK (a < 100)) AUTO_INCREMENT = 4711;
INSERT INTO ordered VALUES (1, 2, 3);
CREATE TABLE parents (id INT PRIMARY KEY);
CREATE TABLE children (id INT PRIMARY KEY, parent INT, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO parents VALUES (1);
INSERT INTO children VALUES (1, 1), (2, NULL);
CREATE SEQUENCE ids START WITH 5 INCREMENT BY 3 CACHE 100 CYCLE MAXVALUE 100000;
SELECT NEXTVAL(ids), NEXTVAL(ids);
SET innodb_strict_mode = 0, check_constraint_checks = 0;
INSERT INTO ordered VALUES (2, 200, 3);
SET innodb_strict_mode = DEFAULT, check_constraint_checks = DEFAULT;

-- A remark in the letters of a client of long ago.
SQL
    printf "SET NAMES latin1;\nCREATE TABLE remarks (id INT COMMENT 'caf\351', text VARCHAR(20) CHARACTER SET latin1) COMMENT 'na\357ve';\nINSERT INTO remarks VALUES (1, '\377\351');\nSET NAMES utf8mb4;\n"
    cat <<'SQL'

-- Programs, of users and of roles, in the order in which they fire.
CREATE ROLE keeper;
CREATE ROLE helper WITH ADMIN keeper;
GRANT SELECT, EXECUTE ON fidelity.* TO keeper;
CREATE DEFINER = keeper VIEW of_role AS SELECT id FROM numbers;
CREATE DEFINER = keeper PROCEDURE of_role_too() SELECT 1;
DELIMITER $$
CREATE OR REPLACE AGGREGATE FUNCTION total_of(x INT) RETURNS INT
BEGIN
    DECLARE total INT DEFAULT 0;
    DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN total;
    LOOP FETCH GROUP NEXT ROW; SET total = total + x; END LOOP;
END $$
SET sql_mode = 'ORACLE' $$
CREATE OR REPLACE PACKAGE tools AS FUNCTION one RETURN INT; END $$
CREATE OR REPLACE PACKAGE BODY tools AS FUNCTION one RETURN INT AS BEGIN RETURN 1; END; END $$
SET sql_mode = DEFAULT $$
DELIMITER ;
CREATE TRIGGER second BEFORE INSERT ON parents FOR EACH ROW SET NEW.id = NEW.id + 10;
CREATE TRIGGER first BEFORE INSERT ON parents FOR EACH ROW PRECEDES second SET NEW.id = NEW.id * 2;
SET time_zone = '+05:45';
CREATE EVENT in_nepal ON SCHEDULE EVERY 1 WEEK STARTS '2030-01-01 03:04:05' ON COMPLETION PRESERVE DISABLE COMMENT 'weekly' DO SELECT 1;
SET time_zone = DEFAULT;

-- Who may do what.
GRANT SELECT ON fidelity.* TO PUBLIC;
CREATE USER locked@localhost IDENTIFIED BY 'x' ACCOUNT LOCK;
CREATE USER expiring@'192.0.2.%' IDENTIFIED VIA mysql_native_password USING PASSWORD('y') OR unix_socket REQUIRE SSL
    WITH MAX_QUERIES_PER_HOUR 10 MAX_STATEMENT_TIME 5 PASSWORD EXPIRE INTERVAL 90 DAY;
CREATE USER expired@localhost IDENTIFIED BY 'z' PASSWORD EXPIRE;
GRANT SELECT (id), UPDATE (b) ON fidelity.ordered TO locked@localhost;
GRANT EXECUTE ON PROCEDURE fidelity.of_role_too TO locked@localhost WITH GRANT OPTION;
GRANT keeper TO locked@localhost WITH ADMIN OPTION;
SET DEFAULT ROLE keeper FOR locked@localhost;

-- What lies in the database `mysql`.
CREATE SERVER elsewhere FOREIGN DATA WRAPPER mysql OPTIONS (HOST '192.0.2.1', DATABASE 'x', USER 'y', PASSWORD 'z', PORT 3307);
CREATE TABLE mysql.of_ours (id INT PRIMARY KEY, text VARCHAR(20)) ENGINE = Aria;
INSERT INTO mysql.of_ours VALUES (1, 'ours');
INSERT INTO mysql.time_zone (Time_zone_id, Use_leap_seconds) VALUES (77, 'N');
INSERT INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Fidelity/Half_Past', 77);
INSERT INTO mysql.time_zone_transition_type VALUES (77, 0, 5400, 0, 'HP');
INSERT INTO mysql.time_zone_transition VALUES (77, -2147483648, 0);
CREATE FUNCTION mysql.of_ours() RETURNS INT RETURN 5;
SQL
}

removeObjects() {
    cat <<'SQL'
DROP DATABASE IF EXISTS fidelity;
DROP USER IF EXISTS locked@localhost, expiring@'192.0.2.%', expired@localhost;
DROP ROLE IF EXISTS keeper, helper;
REVOKE SELECT ON fidelity.* FROM PUBLIC;
DROP SERVER IF EXISTS elsewhere;
DROP TABLE IF EXISTS mysql.of_ours;
DROP FUNCTION IF EXISTS mysql.of_ours;
DELETE FROM mysql.time_zone WHERE Time_zone_id = 77;
DELETE FROM mysql.time_zone_name WHERE Time_zone_id = 77;
DELETE FROM mysql.time_zone_transition_type WHERE Time_zone_id = 77;
DELETE FROM mysql.time_zone_transition WHERE Time_zone_id = 77;
UNINSTALL SONAME IF EXISTS 'ha_archive';
UNINSTALL SONAME IF EXISTS 'ha_blackhole';
SQL
}

case ${1:-} in
'') makeObjects ;;
remove) removeObjects ;;
*)
    echo "usage: ${0##*/} [remove]" >&2
    exit 2
    ;;
esac
