# shellcheck shell=bash
# A database with what few people have and MariaDB allows: objects that cannot be dumped, or not be loaded again just so.

# Beside `forum`, in databases of their own; removeOddDatabases takes all of it away.
makeOddDatabases() {
    inside mysql mariadb --default-character-set=utf8mb4 <<'SQL'
CREATE DATABASE `a\b`;
CREATE TABLE `a\b`.t (id INT PRIMARY KEY);
INSERT INTO `a\b`.t VALUES (1);
CREATE DATABASE `new
line`;
CREATE TABLE `new
line`.`t
Dump completed
u` (id INT PRIMARY KEY);
INSERT INTO `new
line`.`t
Dump completed
u` VALUES (1), (2);
CREATE DATABASE odd;
CREATE DATABASE zz;
USE odd;

-- What cannot be dumped.
CREATE TABLE gone (id INT);
CREATE VIEW lost AS SELECT * FROM gone;
CREATE VIEW lost_too AS SELECT * FROM lost;
DROP TABLE gone;
CREATE TABLE `by transaction` (id INT PRIMARY KEY, v INT, rs BIGINT UNSIGNED GENERATED ALWAYS AS ROW START,
    re BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (rs, re)) WITH SYSTEM VERSIONING;
INSERT INTO `by transaction` (id, v) VALUES (1, 1), (2, 2);
UPDATE `by transaction` SET v = 3 WHERE id = 1;

-- What cannot be loaded just so.
CREATE SEQUENCE zz.later START WITH 7;
CREATE SEQUENCE own;
CREATE TABLE numbered (id INT PRIMARY KEY DEFAULT NEXTVAL(zz.later), other INT DEFAULT NEXTVAL(own));
INSERT INTO numbered () VALUES (), (), ();
SET innodb_strict_mode = 0, check_constraint_checks = 0, max_heap_table_size = 67108864;
CREATE TABLE fixed (id INT) ROW_FORMAT = FIXED;
INSERT INTO fixed VALUES (1);
SELECT GROUP_CONCAT('c', seq, ' VARCHAR(100) NOT NULL') INTO @columns FROM seq_1_to_100;
EXECUTE IMMEDIATE CONCAT('CREATE TABLE wide (', @columns, ') ROW_FORMAT = COMPACT');
CREATE TABLE checked (id INT CHECK (id > 5), document JSON);
INSERT INTO checked VALUES (1, '{bad');
CREATE TABLE large (id INT PRIMARY KEY, text CHAR(60)) ENGINE = MEMORY;
INSERT INTO large SELECT seq, REPEAT('y', 50) FROM seq_1_to_100000;
CREATE TABLE history (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING;
INSERT INTO history VALUES (1, 1), (2, 2);
UPDATE history SET v = 3 WHERE id = 1;
DELETE FROM history WHERE id = 2;
CREATE TABLE history_shown (id INT PRIMARY KEY, v INT, rs TIMESTAMP(6) GENERATED ALWAYS AS ROW START,
    re TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (rs, re)) WITH SYSTEM VERSIONING;
INSERT INTO history_shown (id, v) VALUES (1, 1);
UPDATE history_shown SET v = 2;
INSTALL SONAME 'auth_ed25519';
CREATE USER odd IDENTIFIED VIA ed25519 USING PASSWORD('x');

-- What fires, or ends, before anybody has compared.
CREATE TABLE ticks (id INT PRIMARY KEY AUTO_INCREMENT);
CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticks () VALUES ();
CREATE EVENT once ON SCHEDULE AT NOW() + INTERVAL 20 SECOND DO DELETE FROM ticks;

-- What counts.
CREATE TABLE noted (id INT);
CREATE trigger low before insert on noted for each row set new.id = 1;
CREATE ROLE author;
GRANT SELECT ON odd.* TO author;
CREATE DEFINER = author TRIGGER of_role BEFORE UPDATE ON noted FOR EACH ROW SET NEW.id = 2;
CREATE DEFINER = author VIEW of_role AS SELECT id FROM noted;
CREATE DEFINER = author PROCEDURE of_role() SELECT 1;
CREATE DEFINER = author EVENT of_role ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1;

-- Of engines without transactions.
CREATE TABLE my (id INT) ENGINE = MyISAM;
INSERT INTO my VALUES (1);
CREATE TABLE another (id INT) ENGINE = MyISAM;
CREATE TABLE both_of_them (id INT) ENGINE = MERGE UNION = (my, another);
CREATE TABLE aria (id INT) ENGINE = Aria;
INSERT INTO aria VALUES (2);
CREATE TABLE comma (id INT NOT NULL) ENGINE = CSV;
INSERT INTO comma VALUES (3);
SQL
}

removeOddDatabases() {
    inside mysql mariadb --force <<'SQL'
DROP DATABASE IF EXISTS `a\b`;
DROP DATABASE IF EXISTS `new
line`;
DROP DATABASE IF EXISTS odd;
DROP DATABASE IF EXISTS zz;
DROP USER IF EXISTS odd;
DROP ROLE IF EXISTS author;
UNINSTALL SONAME 'auth_ed25519';
SQL
}

# What SQL shows of it, in lines; the ticks go on. Not who defines what a role has defined: the role comes back as a user, and such a view cannot be read.
oddFacts() {
    sql "SELECT * FROM odd.numbered; SELECT * FROM odd.fixed; SELECT * FROM odd.checked; SELECT COUNT(*), SUM(CRC32(text)) FROM odd.large;
        SELECT *, row_start, row_end FROM odd.history FOR SYSTEM_TIME ALL ORDER BY row_start, id; SELECT * FROM odd.history_shown FOR SYSTEM_TIME ALL ORDER BY rs;
        SELECT id, v FROM odd.\`by transaction\`; SELECT * FROM odd.both_of_them; SELECT * FROM odd.aria; SELECT * FROM odd.comma;
        SELECT COUNT(*) FROM \`new
line\`.\`t
Dump completed
u\`; SELECT COUNT(*) FROM \`a\\b\`.t; SELECT COUNT(*) FROM odd.wide; SHOW CREATE USER odd;
        SELECT trigger_name, IF(trigger_name = 'of_role', 'a role', definer) FROM information_schema.triggers WHERE trigger_schema = 'odd' ORDER BY 1;
        SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'odd';
        SELECT event_name FROM information_schema.events WHERE event_schema = 'odd' AND event_type = 'RECURRING' ORDER BY 1"
}
